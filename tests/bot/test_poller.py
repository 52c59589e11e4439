"""Updates on their way from Telegram into the database and to the handlers, whatever Telegram answers meanwhile."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete
from telegram import Update
from telegram.ext import ExtBot

from sandbox.app import Sandbox
from sandbox.client import Json, SandboxClient
from services.bot.intake.annotations import Annotator
from services.bot.intake.outage_notice import OutageNotice
from services.bot.intake.poller import Pace, Poller
from services.bot.intake.raw_api import ANSWER_S, RawApi
from services.bot.telegram.transport import Transport
from services.health import Sign
from shared.errors import StoreAway
from shared.key_cipher import KeyCipher
from shared.settings import SettingsError
from shared.store import tables
from shared.store.database import Database
from shared.store.questions import Questions
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
KEY = "AIza" + "k" * 35
UNREADABLE = {"update_id": 11, "message": {"message_id": "of a kind nobody knows"}}
# The place of a formatting without its offset: what seals keys can't tell whether it stands before or behind one.
NOT_REDACTABLE = {"update_id": 11, "message": {"text": f"my key is {KEY}", "entities": [{"type": "bold"}]}}
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
REFUSALS: dict[str, Json] = {
    "401": {"preset": "unauthorized"},
    "404 of the API": {"status": 404, "reply": {"ok": False, "error_code": 404, "description": "Not Found"}},
    "404 of a proxy": {"status": 404, "reply": "<html><title>404 Not Found</title></html>"},
    "400": {"status": 400, "reply": {"ok": False, "error_code": 400, "description": "Logged out"}},
    "403": {"preset": "forbidden"},
    "another poller": {"preset": "conflict"},
    "another conflict": {"status": 409, "reply": {"ok": False, "description": "Conflict: terminated by setWebhook"}},
    "429": {"preset": "too-many-requests", "arguments": {"retry_after": 1}, "times": 1},
    "429 without a wait": {"status": 429, "reply": ""},
    "500": {"preset": "internal-error"},
    "502": {"preset": "bad-gateway"},
    "a code nobody knows": {"status": 599, "reply": "?"},
    "a page": {"preset": "not-json"},
    "nothing": {"status": 200, "reply": ""},
    "no object": {"status": 200, "reply": "[]"},
    "no result": {"status": 200, "reply": {"ok": True}},
    "no list": {"status": 200, "reply": {"ok": True, "result": 7}},
    "no updates": {"status": 200, "reply": {"ok": True, "result": [7]}},
    "updates without numbers": {"status": 200, "reply": {"ok": True, "result": [{"message": {}}]}},
    "a refusal that says 200": {"status": 200, "reply": {"ok": False, "error_code": 401, "description": "no"}},
    "a connection that is dropped": {"drop": "before"},
    "half an answer": {"status": 200, "reply": {"ok": True, "result": []}, "truncate": 10},
}
T = TypeVar("T")
HASTY = Pace(least_poll_s=0.0, goodbye_s=20.0, first_pause_s=0.01)


@pytest.fixture(scope="module")
def _server() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@pytest.fixture
def telegram(_server: Sandbox) -> Iterator[SandboxClient]:
    """Telegram without faults, and with this bot alone."""
    with SandboxClient(_server.url) as client:
        client.reset()
        yield client
        client.clear_faults()


@pytest.fixture(scope="module")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('book') / 'g2d.db'}")
    create_tables(made)
    yield made
    made.close()


@pytest.fixture
def book(_tables: Database) -> Database:
    """A database without updates."""
    with _tables.writing() as connection:
        connection.execute(delete(tables.updates))
    return _tables


@pytest.fixture
def updates(book: Database) -> Updates:
    return Updates(book, BOT)


class AwayAtFirst(Updates):
    """A book whose database is away for the first few writes."""

    def __init__(self, book: Database, times: int) -> None:
        super().__init__(book, BOT)
        self._left = times

    def keep(self, updates: Any, **about: Any) -> frozenset[int]:
        self._left -= 1
        if self._left >= 0:
            raise StoreAway("away")
        return super().keep(updates, **about)


class Intake:
    """A poller at work."""

    def __init__(self, url: str, updates: Updates, pace: Pace = HASTY, answer_s: float = ANSWER_S) -> None:
        transport = Transport(connections=1)
        self.bot = ExtBot(TOKEN, base_url=f"{url}/bot", request=Transport(4), get_updates_request=transport)
        self.sign = Sign()
        self._handed: asyncio.Queue[Update] = asyncio.Queue()
        self.at_hand_over: Callable[[Update], None] = lambda _: None
        self.poller = Poller(
            RawApi(url, TOKEN, transport, answer_s=answer_s),
            updates,
            KeyCipher(Fernet.generate_key().decode()),
            Annotator(Questions(updates._database, BOT), updates),
            bot=self.bot,
            kinds=[Update.MESSAGE],
            hand_over=self._take,
            sign=self.sign,
            notice=OutageNotice(self.bot, after_s=0.0),
            pace=pace,
        )

    def _take(self, update: Update) -> None:
        self.at_hand_over(update)
        self._handed.put_nowait(update)

    async def next(self) -> Update:
        """The next update that is handed over."""
        return await asyncio.wait_for(self._handed.get(), 20)

    async def next_text(self) -> str | None:
        message = (await self.next()).effective_message
        return message.text if message else None


def play(
    telegram: SandboxClient,
    updates: Updates,
    scene: Callable[[Intake], Awaitable[T]],
    pace: Pace = HASTY,
    answer_s: float = ANSWER_S,
) -> T:
    """Play a scene with a poller that polls."""

    async def on_stage() -> T:
        intake = Intake(f"{telegram.url}/telegram", updates, pace, answer_s)
        try:
            await intake.poller.connect(intake.bot.initialize)
            polling = asyncio.create_task(intake.poller.keep_polling())
            seen = await scene(intake)
            assert not polling.done()
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
            return seen
        finally:
            await intake.poller.close()
            await intake.bot.shutdown()

    return asyncio.run(on_stage())


def a_message(update_id: int, text: str = "hello") -> Json:
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {"update_id": update_id, "message": {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text}}


def a_query(update_id: int, words: str, person: int = 7) -> Json:
    """What somebody types after the bot's name."""
    sender = {"id": person, "is_bot": False, "first_name": "Ada"}
    asked = {"id": str(update_id), "from": sender, "query": words, "offset": "", "chat_type": "group"}
    return {"update_id": update_id, "inline_query": asked}


def telegram_has(telegram: SandboxClient, *bodies: Any, **fault: Any) -> None:
    """Telegram's next answer to getUpdates."""
    telegram.arm("telegram", path="getUpdates", status=200, reply={"ok": True, "result": list(bodies)}, **fault)


def offsets(telegram: SandboxClient) -> list[int]:
    return [int(call["body"]["offset"]) for call in telegram.journal("telegram", "getUpdates")]


def kept(book: Database) -> str:
    with book.reading() as connection:
        return str(connection.exec_driver_sql("SELECT update_id, body, readable FROM updates").all())


class TestFetching:
    def test_updates_are_in_the_database_before_a_handler_sees_them(
        self, telegram: SandboxClient, updates: Updates
    ) -> None:
        telegram_has(telegram, a_message(10), a_message(12))
        seen = []

        async def scene(intake: Intake) -> list[int]:
            intake.at_hand_over = lambda _: seen.append(updates.unhandled(limit=10))
            return [(await intake.next()).update_id for _ in range(2)]

        assert play(telegram, updates, scene) == [10, 12]
        assert seen == [[10, 12], [10, 12]]

    def test_the_next_request_confirms_them(self, telegram: SandboxClient, updates: Updates) -> None:
        telegram_has(telegram, a_message(10), a_message(12))

        play(telegram, updates, Intake.next)

        assert offsets(telegram)[0] == 0
        assert set(offsets(telegram)[1:]) == {13}

    def test_an_answer_without_updates_changes_nothing(self, telegram: SandboxClient, updates: Updates) -> None:
        telegram_has(telegram, a_message(10))
        telegram_has(telegram)
        telegram_has(telegram, a_message(11))

        async def scene(intake: Intake) -> list[int]:
            return [(await intake.next()).update_id for _ in range(2)]

        assert play(telegram, updates, scene) == [10, 11]
        assert offsets(telegram)[:4] == [0, 11, 11, 12]

    def test_what_can_not_be_written_down_is_asked_for_again(self, telegram: SandboxClient, book: Database) -> None:
        telegram_has(telegram, a_message(10), times=3)

        assert play(telegram, AwayAtFirst(book, times=2), Intake.next_text) == "hello"
        assert offsets(telegram)[:4] == [0, 0, 0, 11]

    def test_an_inline_query_is_handed_over_and_not_written_down(
        self, telegram: SandboxClient, updates: Updates, book: Database
    ) -> None:
        telegram_has(telegram, a_query(10, "fox"))

        update = play(telegram, updates, Intake.next)

        assert update.inline_query is not None
        assert update.inline_query.query == "fox"
        assert kept(book) == "[]"
        assert set(offsets(telegram)[1:]) == {11}

    def test_an_inline_query_does_not_wait_for_the_record(self, telegram: SandboxClient, book: Database) -> None:
        telegram_has(telegram, a_message(10), a_query(11, "fox"))

        assert play(telegram, AwayAtFirst(book, times=1), Intake.next).update_id == 11

    def test_of_a_persons_inline_queries_that_come_together_the_newest_is_handed_over(
        self, telegram: SandboxClient, updates: Updates
    ) -> None:
        telegram_has(telegram, a_query(10, "f"), a_query(11, "owl", person=8), a_query(12, "fo"), a_message(13))

        async def scene(intake: Intake) -> set[int]:
            return {(await intake.next()).update_id for _ in range(3)}

        assert play(telegram, updates, scene) == {11, 12, 13}

    def test_a_person_whose_message_can_not_be_written_down_is_told_once_that_it_is_kept(
        self, telegram: SandboxClient, book: Database
    ) -> None:
        ada = telegram.person("Ada")
        for text in ("hello", "are you there?"):
            telegram.say(ada, text)

        async def scene(intake: Intake) -> str | None:
            await intake.next_text()
            text = await intake.next_text()
            await asyncio.to_thread(telegram.wait_for, lambda: not telegram.from_bot(ada), what="the notice's removal")
            return text

        assert play(telegram, AwayAtFirst(book, times=3), scene) == "are you there?"
        [notice] = [one for one in telegram.messages(ada, with_deleted=True) if one["from"]["is_bot"]]
        assert notice["text"].startswith("⏳ The bot can't reach its database right now. Your message is kept")

    @pytest.mark.parametrize("odd", [UNREADABLE, NOT_REDACTABLE], ids=["unreadable", "not redactable"])
    def test_one_that_nobody_understands_is_confirmed_and_holds_nobody_up(
        self, telegram: SandboxClient, updates: Updates, odd: Json
    ) -> None:
        telegram_has(telegram, odd, a_message(12))

        async def scene(intake: Intake) -> int:
            return (await intake.next()).update_id

        assert play(telegram, updates, scene) == 12
        assert offsets(telegram)[1] == 13
        assert updates.keep([RawUpdate(11, "{}")]) == frozenset()

    @pytest.mark.parametrize("body", [a_message(10, f"my key is {KEY}"), NOT_REDACTABLE], ids=["usual", "odd"])
    def test_a_key_is_never_written_down(
        self, telegram: SandboxClient, book: Database, body: Json, caplog: pytest.LogCaptureFixture
    ) -> None:
        telegram_has(telegram, body, a_message(12))

        async def scene(intake: Intake) -> None:
            while (await intake.next()).update_id != 12:
                continue

        play(telegram, Updates(book, BOT), scene)

        assert str(body["update_id"]) in kept(book)
        assert KEY not in kept(book)
        assert KEY not in caplog.text

    def test_a_mistake_of_ours_about_an_update_keeps_none_away(
        self, telegram: SandboxClient, book: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Confused(Updates):
            """A book whose look at earlier updates fails."""

            def newest(self, limit: int) -> Any:
                raise ZeroDivisionError

        telegram_has(telegram, a_message(10))

        assert play(telegram, Confused(book, BOT), Intake.next_text) == "hello"
        assert "updates not annotated" in caplog.text

    def test_one_that_was_handled_is_not_handled_again(self, telegram: SandboxClient, updates: Updates) -> None:
        updates.keep([RawUpdate(10, json.dumps(a_message(10)))])
        updates.handled([10])
        telegram_has(telegram, a_message(10), a_message(11))

        async def scene(intake: Intake) -> int:
            return (await intake.next()).update_id

        assert play(telegram, updates, scene) == 11

    def test_a_server_that_does_not_wait_is_not_asked_without_end(
        self, telegram: SandboxClient, updates: Updates
    ) -> None:
        telegram_has(telegram, times=4)
        telegram_has(telegram, a_message(10))

        play(telegram, updates, Intake.next, replace(HASTY, least_poll_s=0.5))

        first, *_, last = [call["at"] for call in telegram.journal("telegram", "getUpdates")][:5]
        assert last - first > 1  # two seconds between beginnings, of which some may be lost on the way


class TestFailures:
    @pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
    def test_the_bot_hears_again_as_soon_as_telegram_answers(
        self, telegram: SandboxClient, updates: Updates, refusal: Json
    ) -> None:
        telegram.arm("telegram", path="getUpdates", **{"times": 3} | refusal)
        telegram_has(telegram, a_message(10, "still there?"))

        assert play(telegram, updates, Intake.next_text) == "still there?"

    def test_a_401_that_lasts_is_called_a_revoked_token_and_the_bot_goes_on_asking(
        self,
        telegram: SandboxClient,
        updates: Updates,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        telegram.arm("telegram", path="getUpdates", times=6, preset="unauthorized")
        telegram_has(telegram, a_message(10, "still there?"))

        assert play(telegram, updates, Intake.next_text, replace(HASTY, certain_after_s=0.05)) == "still there?"
        assert "revoked" in caplog.text

    def test_a_failure_is_logged_once_and_its_end_as_well(
        self, telegram: SandboxClient, updates: Updates, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        telegram.arm("telegram", path="getUpdates", times=5, preset="bad-gateway")
        telegram_has(telegram, a_message(10))
        telegram_has(telegram, a_message(11))

        async def scene(intake: Intake) -> None:
            for _ in range(2):
                await intake.next()

        play(telegram, updates, scene)

        said = [record.message for record in caplog.records if record.name.startswith("services.bot.intake")]
        assert said == ["Telegram is out of order, trying again", "Telegram answers again"]

    def test_a_request_that_is_never_answered_is_given_up(self, telegram: SandboxClient, updates: Updates) -> None:
        """Such as one over a connection whose other end is gone without a word."""
        telegram.say(telegram.person("Ada"), "still there?")
        telegram.arm("telegram", path="getUpdates", gate="for ever")

        assert play(telegram, updates, Intake.next_text, replace(HASTY, poll_s=0), answer_s=0.3) == "still there?"

    def test_an_answer_that_drips_is_given_up(self, telegram: SandboxClient, updates: Updates) -> None:
        telegram.say(telegram.person("Ada"), "still there?")
        telegram_has(telegram, a_message(10), drip_s=0.1)

        assert play(telegram, updates, Intake.next_text, replace(HASTY, poll_s=0), answer_s=0.3) == "still there?"

    def test_a_long_pause_shows_signs_of_life(self, telegram: SandboxClient, updates: Updates) -> None:
        telegram.arm("telegram", path="getUpdates", preset="too-many-requests", arguments={"retry_after": 3600})

        async def scene(intake: Intake) -> None:
            before, seen = intake.sign.done_at, 0
            while seen < 5:
                seen = intake.sign.tries
                await asyncio.sleep(0)
            assert intake.sign.done_at == before

        play(telegram, updates, scene, replace(HASTY, breath_s=0.01))


class TestWebhooks:
    HOST, SECRET = "hooks.example.org", "path-that-nobody-may-read"

    def test_one_that_somebody_set_is_deleted_and_its_host_named(
        self, telegram: SandboxClient, updates: Updates, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scene(intake: Intake) -> str | None:
            await intake.bot.set_webhook(f"https://{self.HOST}/{self.SECRET}")
            ada = await asyncio.to_thread(telegram.person, "Ada")
            await asyncio.to_thread(telegram.say, ada, "still there?")
            return await intake.next_text()

        assert play(telegram, updates, scene) == "still there?"
        [deleted] = [record for record in caplog.records if record.message.startswith("webhook deleted")]
        assert deleted.__dict__["host"] == self.HOST
        assert self.SECRET not in caplog.text
        assert "another process" not in caplog.text

    @pytest.mark.parametrize("method", ["getWebhookInfo", "deleteWebhook"])
    def test_it_is_deleted_later_where_that_fails(self, telegram: SandboxClient, updates: Updates, method: str) -> None:
        telegram.arm("telegram", path=method, times=2, preset="bad-gateway")

        async def scene(intake: Intake) -> str | None:
            await intake.bot.set_webhook(f"https://{self.HOST}/{self.SECRET}")
            ada = await asyncio.to_thread(telegram.person, "Ada")
            await asyncio.to_thread(telegram.say, ada, "still there?")
            return await intake.next_text()

        assert play(telegram, updates, scene) == "still there?"


class TestStarting:
    @pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
    def test_is_as_patient_as_running(self, telegram: SandboxClient, updates: Updates, refusal: Json) -> None:
        telegram.arm("telegram", path="getMe", **{"times": 3} | refusal)
        telegram_has(telegram, a_message(10, "still there?"))

        assert play(telegram, updates, Intake.next_text) == "still there?"

    def test_waits_as_long_for_the_second_look_that_the_library_takes(
        self, telegram: SandboxClient, updates: Updates
    ) -> None:
        telegram.arm("telegram", path="getMe", skip=1, times=2, preset="unauthorized")
        telegram_has(telegram, a_message(10, "still there?"))

        assert play(telegram, updates, Intake.next_text) == "still there?"

    def test_waits_for_an_address_that_can_not_be_reached(
        self, updates: Updates, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scene() -> None:
            intake = Intake("http://127.0.0.1:9/telegram", updates)
            connecting = asyncio.create_task(intake.poller.connect(intake.bot.initialize))
            while not caplog.records:
                await asyncio.sleep(0.01)
            connecting.cancel()
            with suppress(asyncio.CancelledError):
                await connecting
            await intake.poller.close()

        asyncio.run(scene())

        [record] = caplog.records
        assert record.message == "Telegram can't be reached, trying again"
        assert record.__dict__["address"] == "http://127.0.0.1:9/telegram"
        assert "127.0.0.1:9" in record.__dict__["error"]
        assert TOKEN not in str(record.__dict__)

    def test_ends_where_telegram_refuses_the_token_for_a_minute(
        self, telegram: SandboxClient, updates: Updates
    ) -> None:
        telegram.arm("telegram", path="getMe", times=None, preset="unauthorized")

        async def scene() -> None:
            intake = Intake(f"{telegram.url}/telegram", updates, replace(HASTY, certain_after_s=0.05))
            try:
                await intake.poller.connect(intake.bot.initialize)
            finally:
                await intake.poller.close()

        with pytest.raises(SettingsError, match="Telegram doesn't know this TELEGRAM_BOT_TOKEN"):
            asyncio.run(scene())
        assert len(telegram.journal("telegram", "getMe")) >= 2

    def test_never_ends_for_want_of_a_bot_api(
        self,
        telegram: SandboxClient,
        updates: Updates,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        telegram.arm("telegram", path="getMe", times=6, **REFUSALS["404 of a proxy"])
        telegram_has(telegram, a_message(10, "still there?"))

        assert play(telegram, updates, Intake.next_text, replace(HASTY, certain_after_s=0.05)) == "still there?"
        assert "there is no Bot API at this address; check TELEGRAM_API_URL" in caplog.text
        assert "TOKEN" not in caplog.text


class TestStopping:
    def test_leaves_nothing_with_telegram_that_was_handed_over(self, telegram: SandboxClient, updates: Updates) -> None:
        async def scene(intake: Intake) -> None:
            ada = await asyncio.to_thread(telegram.person, "Ada")
            await asyncio.to_thread(telegram.say, ada, "hello")
            await intake.next()

        play(telegram, updates, scene)

        info = telegram.call("GET", f"/telegram/bot{TOKEN}/getWebhookInfo")
        assert info["result"]["pending_update_count"] == 0

    def test_does_not_wait_for_a_telegram_that_is_away(self, telegram: SandboxClient, updates: Updates) -> None:
        telegram_has(telegram, a_message(10))
        telegram.arm("telegram", path="getUpdates", gate="for ever", times=None)

        play(telegram, updates, Intake.next, replace(HASTY, goodbye_s=0.1))
