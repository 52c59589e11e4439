"""``/broadcast``: an owner sees what will be sent, starts it and stops it; who blocked the bot is counted."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from services.bot.owner.broadcast import BroadcastSender, read_text, receipt_of, tell
from services.bot.texts.locales import languages, say
from shared.access import Mode, Profile, Role
from shared.store.access import Roles
from shared.store.broadcasts import Broadcast, Broadcasts, BroadcastState, Progress, Receipt
from shared.store.database import Database
from tests.bot.stage import BOT, Stage
from tests.bot.updates_scene import ADA, BOB, CAROL, EVE, Scene


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield Scene(stage)
    stage.close()


@pytest.fixture
def owner(scene: Scene, roles: Roles) -> int:
    roles.decide(Profile(EVE, "Eve"), Role.OWNER, by=None)
    return EVE


def texts(calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [values["text"] for name, values in calls if name in {"sendMessage", "editMessageText"}]


def newest(scene: Scene) -> Broadcast:
    return Broadcasts(scene.stage.database, BOT, Mode.OPEN).newest()[0]


class TestTheCommand:
    def test_shows_what_will_be_sent_and_asks(self, scene: Scene, owner: int) -> None:
        bold = {"type": "bold", "offset": 11, "length": 3}
        sent = scene.send(owner, owner, {"text": "/broadcast The bot\nrests.", "entities": [COMMAND, bold]}).calls

        assert texts(sent) == ["<b>The</b> bot\nrests.", say("broadcast_ask", "en", n=newest(scene).people)]
        assert newest(scene).state is BroadcastState.ASKED

    def test_begins_at_a_press_and_ends_at_another(self, scene: Scene, owner: int) -> None:
        scene.send(owner, owner, {"text": "/broadcast Hello", "entities": [COMMAND]})
        number = newest(scene).id

        begun = scene.press(owner, f"broadcast {number} send", owner).calls
        assert newest(scene).state is BroadcastState.RUNNING
        assert newest(scene).message is not None
        assert texts(begun)[0].startswith(say("broadcast_running", "en"))
        stopped = scene.press(owner, f"broadcast {number} stop", owner).calls

        assert newest(scene).state is BroadcastState.STOPPED
        assert texts(stopped)[0].startswith(say("broadcast_stopped", "en"))

    def test_that_is_cancelled_sends_nothing(self, scene: Scene, owner: int) -> None:
        scene.send(owner, owner, {"text": "/broadcast Hello", "entities": [COMMAND]})

        cancelled = scene.press(owner, f"broadcast {newest(scene).id} cancel", owner).calls

        assert texts(cancelled) == [say("broadcast_cancelled", "en")]
        assert newest(scene).state is BroadcastState.STOPPED

    def test_says_how_it_is_written(self, scene: Scene, owner: int) -> None:
        assert texts(scene.send(owner, owner, {"text": "/broadcast", "entities": [COMMAND]}).calls) == [
            say("broadcast_how", "en")
        ]

    def test_is_the_owners_alone(self, scene: Scene, owner: int, roles: Roles) -> None:
        roles.decide(Profile(CAROL, "Carol"), Role.ADMIN, by=None)
        scene.send(owner, owner, {"text": "/broadcast Hello", "entities": [COMMAND]})
        number = newest(scene).id

        scene.press(owner, f"broadcast {number} send", CAROL)
        scene.send(CAROL, CAROL, {"text": "/broadcast Mine", "entities": [COMMAND]})

        assert (newest(scene).id, newest(scene).state) == (number, BroadcastState.ASKED)


COMMAND = {"type": "bot_command", "offset": 0, "length": 10}


class Telegram:
    """Takes messages for those who have not blocked the bot."""

    def __init__(self, **failures: TelegramError) -> None:
        self.failures = {int(person.removeprefix("p")): error for person, error in failures.items()}
        self.sent: list[int] = []
        self.shown: list[str] = []

    async def send_message(self, chat_id: int, text: str, **_: Any) -> None:
        if error := self.failures.pop(chat_id, None):
            raise error
        self.sent.append(chat_id)

    async def edit_message_text(self, text: str, *_: Any, **__: Any) -> None:
        self.shown.append(text)


class Room:
    """Has room for all but those whose chats are closed for so many seconds."""

    def __init__(self, closed: dict[int, float] | None = None) -> None:
        self.closed = closed or {}

    def room_in_s(self, person: int, *_: Any) -> float:
        return self.closed.get(person, 0.0)


@pytest.fixture
def database(scene: Scene) -> Database:
    roles = Roles(scene.stage.database, BOT)
    for person in (ADA, BOB, CAROL, EVE):
        roles.decide(Profile(person, str(person)), Role.MEMBER, by=None)
    return scene.stage.database


def send_all(database: Database, telegram: Telegram) -> Progress:
    sender, broadcasts, number = a_sender(database, telegram, Room())

    async def until_all_have_it() -> None:
        while await sender.send_some() or sender.pause_s > 0:
            await asyncio.sleep(max(sender.pause_s, 0))

    asyncio.run(until_all_have_it())
    return broadcasts.progress(number)


def a_sender(database: Database, telegram: Telegram, room: Room) -> tuple[BroadcastSender, Broadcasts, int]:
    broadcasts = Broadcasts(database, BOT, Mode.REQUEST)
    number = broadcasts.ask("hello", by=ADA).id
    broadcasts.start(number, message=(ADA, 3))
    return BroadcastSender(telegram, broadcasts, Roles(database, BOT), room), broadcasts, number  # type: ignore[arg-type]


class TestAFloodWaitOfAnHour:
    """Telegram may ask for hours of silence: the process goes on, and who was claimed is put back unsent."""

    def test_of_a_call_lets_the_duty_be_done_and_a_stop_be_obeyed(self, database: Database) -> None:
        sender, broadcasts, number = a_sender(database, Telegram(p101=RetryAfter(3600)), Room())

        async def send_twice() -> tuple[bool, bool]:
            return await sender.send_some(), await sender.send_some()

        assert asyncio.run(asyncio.wait_for(send_twice(), 10)) == (True, False)
        assert broadcasts.progress(number).counts == {Receipt.SENT: 3, Receipt.WAITING: 1}
        assert broadcasts.stop(number)

    def test_of_one_chat_keeps_nobody_else_waiting(self, database: Database) -> None:
        telegram = Telegram()
        sender, broadcasts, number = a_sender(database, telegram, Room({ADA: 3600.0}))

        assert asyncio.run(asyncio.wait_for(sender.send_some(), 10))

        assert sorted(telegram.sent) == [BOB, CAROL, EVE]
        assert broadcasts.progress(number).counts == {Receipt.SENT: 3, Receipt.WAITING: 1}


class TestSending:
    def test_counts_who_blocked_the_bot_and_goes_on(self, database: Database) -> None:
        telegram = Telegram(p102=Forbidden("Forbidden: bot was blocked by the user"))

        progress = send_all(database, telegram)

        assert sorted(telegram.sent) == [ADA, CAROL, EVE]
        assert progress.counts == {Receipt.SENT: 3, Receipt.UNREACHABLE: 1}
        assert "Received: 3 of 4 · blocked the bot: 1" in telegram.shown[-1]

    def test_waits_as_long_as_telegram_says_and_sends_then(self, database: Database) -> None:
        telegram = Telegram(p101=RetryAfter(0))

        assert send_all(database, telegram).counts == {Receipt.SENT: 4}
        assert sorted(telegram.sent) == [ADA, BOB, CAROL, EVE]

    def test_does_not_repeat_what_telegram_may_have_taken(self, database: Database) -> None:
        telegram = Telegram(p101=TimedOut(), p102=BadRequest("something new"))

        assert send_all(database, telegram).counts == {Receipt.SENT: 2, Receipt.UNSURE: 1, Receipt.REFUSED: 1}
        assert sorted(telegram.sent) == [CAROL, EVE]


@pytest.mark.parametrize(
    ("error", "receipt"),
    [
        (Forbidden("Forbidden: bot can't initiate conversation with a user"), Receipt.UNREACHABLE),
        (NetworkError("Bad Gateway"), Receipt.UNSURE),
        (RetryAfter(7), Receipt.WAITING),
    ],
)
def test_a_failure_tells_what_became_of_it(error: TelegramError, receipt: Receipt) -> None:
    assert receipt_of(error)[0] is receipt


@pytest.mark.parametrize(
    ("html", "text"),
    [("/broadcast a <b>b</b>\nc", "a <b>b</b>\nc"), ("/broadcast\nhi", "hi"), ("/broadcast", ""), (None, "")],
)
def test_what_stands_after_the_command_is_sent(html: str | None, text: str) -> None:
    assert read_text(html) == text


@pytest.mark.parametrize("language", languages())
def test_each_language_tells_how_it_goes(language: str) -> None:
    running = Broadcast(1, "hi", BroadcastState.RUNNING, 7, 9, (7, 3), created_at=None)  # type: ignore[arg-type]

    told = tell(running, Progress({Receipt.SENT: 5, Receipt.UNSURE: 1}), language)

    assert len(told.text.splitlines()) == 3
    assert told.keyboard is not None
