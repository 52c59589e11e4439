"""Log lines: constant words with fields, and never a key, a token or a password."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import logs
from shared import redaction

BOT_TOKEN = "4242424242:AAH-abc_DEF0123456789abcdefghijklmno"
HF_TOKEN = "hf_abcDEF0123456789abcDEF0123456789"
GOOGLE_KEY = "AIzaSyA0123456789abcdefghijklmnopqrstuv"
SHAPES = {
    "a bot's token": BOT_TOKEN,
    "a bot's URL": f"https://api.telegram.org/bot{BOT_TOKEN}/sendPhoto",
    "a file's URL": f"https://api.telegram.org/file/bot{BOT_TOKEN}/photos/1.jpg",
    "a HuggingFace token": HF_TOKEN,
    "a HuggingFace header": f"Bearer {HF_TOKEN}",
    "a Google key itself": GOOGLE_KEY,
    "a Google key": f"https://generativelanguage.googleapis.com/v1beta/models?key={GOOGLE_KEY}",
    "a database URL": "postgresql://g2d:pass-word@db.example:5432/g2d",
    "a Redis URL": "redis://default:pass-word@redis.example:6379/0",
}
SECRETS = ("AAH-abc", HF_TOKEN, GOOGLE_KEY, "pass-word")
FORMATS = ["console", "json"]

log = logging.getLogger("services.somewhere")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[[], str]]]:
    """Sets logging up as a service does, with a buffer for standard error; returns how to read it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def set_up(log_format: Any, level: str = "DEBUG", secrets: tuple[str, ...] = ()) -> Callable[[], str]:
        buffer = io.StringIO()
        monkeypatch.setattr(sys, "stderr", buffer)
        monkeypatch.setattr(redaction, "IN_USE", redaction.SecretsInUse())
        redaction.IN_USE.add(secrets)
        logs.set_up(log_format, level)
        return buffer.getvalue

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)


Written = Callable[..., Callable[[], str]]


@pytest.mark.parametrize("log_format", FORMATS)
class TestSecrets:
    @pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
    def test_what_looks_like_one_is_blotted_out_wherever_it_stands(
        self, written: Written, log_format: str, text: str
    ) -> None:
        read = written(log_format)

        log.info("calling %s", text)
        log.info("calling", extra={"url": text})
        log.info("calling", extra={"nested": {"list": [text]}})
        log.info(text)

        assert not any(secret in read() for secret in SECRETS)
        assert read().count("[secret]") == 4

    @pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
    def test_tracebacks_hold_none_either(self, written: Written, log_format: str, text: str) -> None:
        read = written(log_format)

        try:
            try:
                raise ValueError(text)
            except ValueError as error:
                raise RuntimeError(f"could not use {text}") from error
        except RuntimeError:
            log.exception("failed")

        assert "RuntimeError" in read()
        assert not any(secret in read() for secret in SECRETS)

    def test_the_services_own_are_known_whatever_they_look_like(self, written: Written, log_format: str) -> None:
        read = written(log_format, secrets=("s3cr3t.of+no*shape", "s3cr3t"))

        log.info("a key", extra={"key": "s3cr3t.of+no*shape", "other": "s3cr3t"})

        assert "s3cr3t" not in read()
        assert "of+no*shape" not in read()

    def test_those_of_libraries_are_blotted_out_too(self, written: Written, log_format: str) -> None:
        read = written(log_format)

        logging.getLogger("httpx").warning("HTTP Request: POST https://api.telegram.org/bot%s/getMe", BOT_TOKEN)

        assert "HTTP Request" in read()
        assert "AAH-abc" not in read()

    def test_what_is_none_stays_readable(self, written: Written, log_format: str) -> None:
        read = written(log_format)

        log.info(
            "job waits", extra={"job_id": 12345, "at": "12:30:45", "url": "https://host:8080/path", "model": "a/b"}
        )

        assert "[secret]" not in read()
        assert "12345" in read()
        assert "https://host:8080/path" in read()

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(secret=st.text("abcXYZ019-_./+=", min_size=8, max_size=40), around=st.text(max_size=20))
    def test_a_known_secret_never_shows(self, written: Written, log_format: str, secret: str, around: str) -> None:
        read = written(log_format, secrets=(secret,))

        log.info("a line", extra={"field": f"{around}{secret}{around}"})

        assert secret not in read()


class TestFormats:
    def test_json_is_one_object_a_line_with_the_fields_in_it(self, written: Written) -> None:
        read = written("json")

        log.info("picture recorded", extra={"job_id": 7, "idea\n": "two\nlines"})
        try:
            raise ValueError("ä")
        except ValueError:
            log.exception("job failed")

        recorded, failed = (json.loads(line) for line in read().splitlines())
        assert (recorded["event"], recorded["job_id"]) == ("picture recorded", 7)
        assert (recorded["level"], recorded["logger"]) == ("info", "services.somewhere")
        assert recorded["timestamp"].endswith("Z")
        assert "ValueError: ä" in failed["exception"]

    def test_a_line_with_a_secret_is_still_json(self, written: Written) -> None:
        read = written("json", secrets=(GOOGLE_KEY,))

        log.info("calling", extra={"url": SHAPES["a bot's URL"], "key": GOOGLE_KEY})

        assert json.loads(read())["key"] == "[secret]"

    def test_console_lines_can_be_read(self, written: Written) -> None:
        read = written("console")

        log.warning("job waits", extra={"job_id": 7})

        assert "job waits" in read()
        assert "job_id" in read()

    def test_without_a_terminal_the_format_is_json(self, written: Written) -> None:
        read = written(None)

        log.info("started")

        assert json.loads(read())["event"] == "started"


class TestLevels:
    def test_our_own_lines_speak_from_the_chosen_level_on(self, written: Written) -> None:
        read = written("json", "warning")

        log.info("quiet")
        log.warning("loud")

        assert [json.loads(line)["event"] for line in read().splitlines()] == ["loud"]

    @pytest.mark.parametrize("name", ["httpx", "urllib3", "telegram.ext", "celery.worker", "sqlalchemy.engine"])
    def test_libraries_speak_from_warning_on_even_when_we_debug(self, written: Written, name: str) -> None:
        """Their lower levels tell URLs, and with these the bot's token."""
        read = written("json", "DEBUG")

        logging.getLogger(name).info("chatter")

        assert read() == ""


class TestRepetition:
    def test_a_warning_that_many_threads_give_at_once_is_one_line(self, written: Written) -> None:
        read = written("json")

        for _ in range(128):
            log.warning("no turn taken", extra={"error": "the database does not answer"})

        assert len(read().splitlines()) == 1

    def test_warnings_that_differ_in_anything_are_all_logged(self, written: Written) -> None:
        read = written("json")

        for job_id in (7, 8):
            log.warning("job waits", extra={"job_id": job_id})
            log.warning("job fails", extra={"job_id": job_id})

        assert len(read().splitlines()) == 4

    @pytest.mark.parametrize("say", [log.info, log.error, log.exception])
    def test_no_other_level_is_dropped(self, written: Written, say: Callable[[str], None]) -> None:
        read = written("json")

        for _ in range(3):
            say("the same")

        assert len(read().splitlines()) == 3

    def test_what_keeps_coming_is_logged_ever_more_rarely_with_how_often_it_came(self) -> None:
        now = [0.0]
        coalescing = logs.Coalescing(lambda: now[0])
        logged = {}

        for second in range(700):
            now[0] = float(second)
            record = logging.makeLogRecord({"msg": "away", "levelno": logging.WARNING})
            if coalescing.filter(record):
                logged[second] = record.__dict__.get("repeated")

        assert logged == {0: None, 5: 4, 15: 9, 35: 19, 75: 39, 155: 79, 315: 159, 615: 299}

    def test_what_comes_again_after_a_while_is_logged_at_once(self) -> None:
        now = [0.0]
        coalescing = logs.Coalescing(lambda: now[0])

        def away() -> logging.LogRecord:
            return logging.makeLogRecord({"msg": "away", "levelno": logging.WARNING})

        first = [coalescing.filter(away()) for _ in range(3)]
        now[0] = logs.QUIET_S

        assert first == [True, False, False]
        assert coalescing.filter(away())

    def test_it_remembers_only_so_many_lines(self) -> None:
        now = [0.0]
        coalescing = logs.Coalescing(lambda: now[0])

        for number in range(3 * logs.MAX_SEEN):
            now[0] += 2 * logs.QUIET_S / logs.MAX_SEEN
            coalescing.filter(logging.makeLogRecord({"msg": str(number), "levelno": logging.WARNING}))

        assert len(coalescing._seen) <= logs.MAX_SEEN
