"""``/healthz``, ``/readyz`` and ``/metrics``: what is told, to whom, and when nothing is."""

import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.health import MAX_SILENCE_S, Signs
from services.metrics.meters import Meters, meters
from services.metrics.server import served
from shared.celery_tickets import CeleryTickets, make_celery
from shared.migrations import migrate
from shared.settings import Settings
from shared.store.database import Database
from shared.tickets import LocalTickets
from tests.builders import an_attempt, submit, submit_and_fail


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'g2d.db'}")
    migrate(opened)
    yield opened
    opened.close()


def key(name: str, *labels: str) -> tuple[str, ...]:
    """What stands for a metric with these labels' values."""
    return (name, *sorted(labels))


class Page:
    """The pages of one process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def told(self, path: str) -> tuple[int, dict[str, str]]:
        status, body = self.get(path)
        found: dict[str, str] = json.loads(body)
        return status, found

    def samples(self) -> dict[tuple[str, ...], float]:
        """All values."""
        _, body = self.get("/metrics")
        families = text_string_to_metric_families(body)
        return {key(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def settings(folder: Path, port: int | None = 0) -> Settings:
    class Given(Settings):
        reads_environment = False

    return Given(G2D_DATA_DIR=folder, G2D_METRICS_PORT=port)  # type: ignore[call-arg]


@pytest.fixture
def signs() -> Signs:
    return Signs()


@pytest.fixture
def page(tmp_path: Path, database: Database, signs: Signs, caplog: pytest.LogCaptureFixture) -> Iterator[Page]:
    caplog.set_level(logging.INFO)
    tickets = LocalTickets()
    with served(settings(tmp_path), database, tickets, signs, of_record=True, slots=8):
        [line] = [one for one in caplog.records if one.message == "metrics are served"]
        yield Page(line.address.removesuffix("/metrics"))  # type: ignore[attr-defined]


class TestHealth:
    def test_a_process_that_does_its_duties_is_well(self, page: Page, signs: Signs) -> None:
        signs.of("polls").done()

        assert page.told("/healthz") == (200, {"polls": "ok"})

    def test_a_duty_that_is_not_done_is_named(self, page: Page, signs: Signs) -> None:
        signs.of("polls").done_at -= MAX_SILENCE_S + 1
        signs.of("delivers").done()

        status, told = page.told("/healthz")

        assert status == 503
        assert told["polls"].startswith("not done for 12")
        assert told["delivers"] == "ok"


class TestReadiness:
    def test_each_dependency_is_asked(self, page: Page, signs: Signs) -> None:
        signs.of("polls").done()

        assert page.told("/readyz") == (
            200,
            {"database": "ok", "broker": "ok", "image store": "ok", "polls": "ok"},
        )

    def test_one_that_does_not_answer_is_named(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        away = Database("postgresql+psycopg://nobody@127.0.0.1:9/none")
        with served(
            settings(tmp_path), away, CeleryTickets(make_celery("redis://127.0.0.1:9/0")), Signs(), of_record=True
        ):
            [line] = [one for one in caplog.records if one.message == "metrics are served"]
            there = Page(line.address.removesuffix("/metrics"))  # type: ignore[attr-defined]

            status, told = there.told("/readyz")
            record_up = there.samples()[key("g2d_record_up")]

        assert status == 503
        assert told == {"database": "does not answer", "broker": "does not answer", "image store": "ok"}
        assert record_up == 0


class TestMetrics:
    def test_tell_what_the_record_says(self, page: Page, database: Database) -> None:
        submit_and_fail(database)
        submit(database)

        found = page.samples()

        assert found[key("g2d_queue_depth", "picture", "queued")] == 1
        assert found[key("g2d_queue_oldest_seconds", "picture", "queued")] >= 0
        assert found[key("g2d_outbox_depth")] == 1
        assert found[key("g2d_workers_alive")] == 0
        assert found[key("g2d_record_up")] == 1
        assert found[key("g2d_spent_dollars", "day")] == 0
        assert found[key("g2d_slots")] == 8

    def test_tell_of_an_empty_queue_that_it_is_empty(self, page: Page) -> None:
        found = page.samples()

        for name in ("g2d_queue_depth", "g2d_queue_oldest_seconds"):
            assert found[key(name, "question", "waiting")] == found[key(name, "batch picture", "held")] == 0

    def test_tell_what_the_process_did(self, page: Page) -> None:
        ago = datetime.now(UTC) - timedelta(seconds=3)
        meters().called(an_attempt(service="fal-ai/queue", outcome="service_busy", status=503, duration_ms=700))
        meters().called(an_attempt(step="prompt", service="gemini", status=200, cost=2_000_000))
        meters().began("picture", ago)
        meters().busy("picture", 2)
        meters().busy("picture", -1)
        meters().waits("picture", "service_busy")
        meters().ended("picture", "failed", "no_credit", created_at=ago)
        meters().delivered("job", "sent", ended_at=ago)
        meters().flooded("sendMessage", 7)

        found = page.samples()

        assert found[key("g2d_upstream_calls_total", "image", "fal-ai", "service_busy", "503")] == 1
        assert found[key("g2d_upstream_calls_total", "prompt", "gemini", "ok", "200")] == 1
        assert found[key("g2d_calls_cost_dollars_total", "gemini")] == 2
        assert found[key("g2d_slots_busy", "picture")] == 1
        assert found[key("g2d_work_waits_total", "picture", "service_busy")] == 1
        assert found[key("g2d_work_ended_total", "picture", "failed", "no_credit")] == 1
        assert found[key("g2d_deliveries_total", "job", "sent")] == 1
        assert found[key("g2d_flood_waits_total", "sendMessage")] == 1
        assert found[key("g2d_flood_wait_seconds_total")] == 7
        for stage in ("waiting", "image_call", "prompt_call", "whole", "delivery"):
            assert found[key("g2d_stage_seconds_count", stage)] == 1
        assert found[key("g2d_stage_seconds_bucket", "delivery", "2.5")] == 0
        assert found[key("g2d_stage_seconds_bucket", "delivery", "5.0")] == 1

    def test_count_apart_what_an_order_did_not_cost_after_all(self, page: Page) -> None:
        """A counter can't fall: the library refuses, and the picture would be lost over its figures."""
        meters().called(an_attempt(service="fal-ai/queue", cost=3_000_000))
        meters().called(an_attempt(service="fal-ai/queue", outcome="picture_refused", cost=-3_000_000))

        found = page.samples()

        assert found[key("g2d_calls_cost_dollars_total", "fal-ai")] == 3
        assert found[key("g2d_calls_returned_dollars_total", "fal-ai")] == 3

    def test_take_whatever_a_clock_or_telegram_says(self, page: Page) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        meters().called(an_attempt(service="fal-ai/queue", duration_ms=-700))
        meters().began("picture", later)
        meters().ended("picture", "finished", created_at=later)
        meters().delivered("job", "sent", ended_at=later)
        meters().flooded("sendMessage", -7)

        assert page.samples()[key("g2d_flood_wait_seconds_total")] == 0

    def test_of_something_else_there_is_no_page(self, page: Page) -> None:
        assert page.get("/")[0] == 404


class TestTheSwitch:
    def test_without_a_port_nothing_listens(self, tmp_path: Path, database: Database) -> None:
        with served(settings(tmp_path, None), database, LocalTickets(), Signs(), of_record=True):
            assert type(meters()) is Meters

    def test_a_port_that_is_taken_stops_nothing(
        self, tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            given = settings(tmp_path, taken.getsockname()[1])
            with served(given, database, LocalTickets(), Signs(), of_record=True):
                [line] = [one for one in caplog.records if one.message == "metrics are not served"]
                assert type(meters()) is Meters

        assert line.levelno == logging.ERROR

    def test_only_this_machine_is_served_unless_told(self) -> None:
        assert Settings.model_fields["metrics_host"].default == "127.0.0.1"
