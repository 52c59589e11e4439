"""Status messages give way to pictures: while Telegram's limit is used up they are put off, and perhaps never sent."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from services.bot.telegram.callback_data import CANCEL
from services.bot.telegram.flood_limit import FloodLimit, Kind
from shared.jobs import State
from shared.store import tables
from tests.bot.patient_loop import run
from tests.bot.stage import Outcome, Stage
from tests.bot.updates_scene import ADA, Scene

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def scene(stage: Stage) -> Scene:
    return Scene(stage)


@pytest.fixture(autouse=True)
def _beginning(scene: Scene) -> None:
    scene.stage.reset()


def ask(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, is_busy: bool) -> tuple[Outcome, int]:
    """Let Ada ask for a picture while messages are scarce, or not; returns what came of it, and her job."""
    with monkeypatch.context() as patch:
        patch.setattr(FloodLimit, "is_busy", lambda _self, _kind: is_busy)
        outcome = scene.say(ADA, "/imagine a fox in the snow")
    return outcome, scene.jobs_of(ADA)[-1]


def send_until(stage: Stage, enough: Callable[[], bool]) -> list[str]:
    """Let messages that were put off be sent until that is enough; returns the buttons of all of them."""
    promise = stage.bot._parts.promise

    async def send() -> None:
        task = asyncio.create_task(promise.keep_sending())
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stage.telegram.calls = []
    stage.run(send())
    return [str(values.get("reply_markup")) for method, values in stage.telegram.calls if method == "sendMessage"]


def telling_of(job_id: int, sent: list[str]) -> int:
    """How many of these messages tell of a job."""
    return sum(f'"{CANCEL} {job_id}"' in buttons for buttons in sent)


def of_job(stage: Stage, job_id: int) -> dict[str, object]:
    return next(row for (table, _), row in stage.rows().items() if table == "jobs" and row["id"] == job_id)


def test_with_room_it_is_sent_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = ask(scene, monkeypatch, is_busy=False)

    assert [method for method, _ in outcome.sent] == ["sendMessage"]


def test_without_room_the_picture_is_ordered_and_nothing_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, job_id = ask(scene, monkeypatch, is_busy=True)

    assert outcome.sent == []
    assert of_job(scene.stage, job_id)["state"] == State.QUEUED


def test_it_follows_when_there_is_room(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job_id = ask(scene, monkeypatch, is_busy=True)

    sent = send_until(scene.stage, lambda: of_job(scene.stage, job_id)["status_message_id"] is not None)

    assert telling_of(job_id, sent) == 1


def test_it_is_never_sent_when_the_picture_was_first(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = scene.stage
    _, done = ask(scene, monkeypatch, is_busy=True)
    with stage.database.writing() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.id == done).values(state=State.FINISHED))
    _, under_way = ask(scene, monkeypatch, is_busy=True)

    sent = send_until(stage, lambda: of_job(stage, under_way)["status_message_id"] is not None)

    assert (telling_of(done, sent), telling_of(under_way, sent)) == (0, 1)
    assert of_job(stage, done)["status_sending_since"] is None


def test_a_process_that_starts_sends_what_the_one_before_put_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job_id = ask(scene, monkeypatch, is_busy=True)
    scene.stage.bot._parts.promise._put_off.clear()

    sent = send_until(scene.stage, lambda: of_job(scene.stage, job_id)["status_message_id"] is not None)

    assert telling_of(job_id, sent) == 1


def test_pictures_have_the_last_places_of_the_limit() -> None:
    limit = FloodLimit(messages_per_s=30)

    async def call() -> None:
        return None

    async def scene() -> list[bool]:
        found = []
        for chat_id in range(1, 31):
            found.append(limit.is_busy(Kind.STATUS))
            await limit.process_request(call, (), {}, "sendPhoto", {"chat_id": chat_id}, None)
        return found

    found = run(scene())
    assert (set(found[:20]), set(found[-7:])) == ({False}, {True})  # in between calls are spread over the second
