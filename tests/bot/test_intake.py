"""Updates on their way from the database to the handlers, and what becomes of those that fail."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut
from telegram.ext import ApplicationBuilder, ContextTypes, TypeHandler

from sandbox.client import SandboxClient
from services.bot.intake.application import DurableApplication
from services.bot.intake.failures import failed, pause_s
from services.bot.telegram.errors import NotConnected
from shared.access import Known
from shared.errors import IdeaTooLong, ServiceUnreachable, StoreAway
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
Handler = Callable[[Update, ContextTypes.DEFAULT_TYPE], Awaitable[None]]


@pytest.fixture
def book(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    create_tables(made)
    yield made
    made.close()


@pytest.fixture
def updates(book: Database) -> Updates:
    return Updates(book, BOT)


def a_message(update_id: int, text: str = "hello") -> dict[str, Any]:
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {"update_id": update_id, "message": {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text}}


def a_query(update_id: int) -> dict[str, Any]:
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {"update_id": update_id, "inline_query": {"id": "1", "from": sender, "query": "fox", "offset": ""}}


class OpenGate:
    """Lets everything in."""

    def meet(self, update: Update, /) -> list[Known]:
        return []

    async def admits(self, update: Update, met: object, bot: object, /) -> bool:
        return True


class QueueingApplication(DurableApplication):
    """Leaves to the test when an update is handled."""

    def hand_over(self, update: Update) -> None:
        self.update_queue.put_nowait(update)


class Bot:
    """A bot with one handler, which is told what to do with each update."""

    def __init__(self, url: str, updates: Updates, handle: Handler) -> None:
        builder = (
            ApplicationBuilder()
            .application_class(QueueingApplication, {"updates": updates, "gate": OpenGate()})
            .token(TOKEN)
        )
        self.application = cast("DurableApplication", builder.base_url(f"{url}/telegram/bot").updater(None).build())
        self.application.add_handler(TypeHandler(Update, handle))
        self.application.add_error_handler(failed)
        self._updates = updates

    def receive(self, *bodies: dict[str, Any]) -> None:
        """Take updates as the poller does: written down, and queued."""
        self._updates.keep([RawUpdate(body["update_id"], json.dumps(body)) for body in bodies])
        for body in bodies:
            self.application.update_queue.put_nowait(Update.de_json(body, self.application.bot))

    def queued(self) -> list[Update]:
        queue = self.application.update_queue
        return [cast("Update", queue.get_nowait()) for _ in range(queue.qsize())]

    async def handle_next(self) -> None:
        """Wait for an update to come again, handle it, and tick it off."""
        await self.application.process_update(await self.application.update_queue.get())
        await self.application.tick_off()

    async def handle_all(self) -> None:
        """Let the handlers have what is queued, and tick it off."""
        for update in self.queued():
            await self.application.process_update(update)
        await self.application.tick_off()


async def do_nothing(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    return


def play(
    sandbox: SandboxClient, updates: Updates, scene: Callable[[Bot], Awaitable[Any]], handle: Handler = do_nothing
) -> Any:
    """Play a scene with a bot that is connected."""

    async def on_stage() -> Any:
        bot = Bot(sandbox.url, updates, handle)
        async with bot.application:
            return await scene(bot)

    return asyncio.run(on_stage())


class TestHandling:
    def test_what_was_handled_is_ticked_off(self, sandbox: SandboxClient, updates: Updates) -> None:
        async def scene(bot: Bot) -> None:
            bot.receive(a_message(10))
            await bot.handle_all()

        play(sandbox, updates, scene)

        assert updates.unhandled(limit=10) == []

    def test_what_time_can_mend_comes_again(self, sandbox: SandboxClient, updates: Updates) -> None:
        errors, handled = [RetryAfter(0)], []

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            if errors:
                raise errors.pop()
            handled.append(update.effective_message.text if update.effective_message else None)

        async def scene(bot: Bot) -> None:
            bot.receive(a_message(10, "a red fox"))
            await bot.handle_all()
            assert updates.unhandled(limit=10) == [10]
            await bot.handle_next()

        play(sandbox, updates, scene, handle)

        assert handled == ["a red fox"]
        assert updates.unhandled(limit=10) == []

    @pytest.mark.parametrize("error", [StoreAway("away"), NetworkError("reset"), TimedOut(), InvalidToken()])
    def test_what_time_can_mend_is_not_ticked_off(
        self, sandbox: SandboxClient, updates: Updates, error: Exception
    ) -> None:
        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise error

        async def scene(bot: Bot) -> None:
            bot.receive(a_message(10))
            await bot.handle_all()
            # It is on its way in this process, so nobody else brings it back.
            assert await bot.application.feed_unhandled() == 0

        play(sandbox, updates, scene, handle)

        assert updates.unhandled(limit=10) == [10]

    def test_an_inline_query_does_not_come_again_whatever_time_can_mend(
        self, sandbox: SandboxClient, updates: Updates
    ) -> None:
        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise RetryAfter(0)

        async def scene(bot: Bot) -> bool:
            query = Update.de_json(a_query(10), bot.application.bot)
            await bot.application.process_update(query)
            return bot.application._has(10)

        assert not play(sandbox, updates, scene, handle)

    @pytest.mark.parametrize("error", [Forbidden("blocked"), BadRequest("chat not found"), ZeroDivisionError()])
    def test_what_time_can_not_mend_is_over(self, sandbox: SandboxClient, updates: Updates, error: Exception) -> None:
        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise error

        async def scene(bot: Bot) -> None:
            bot.receive(a_message(10))
            await bot.handle_all()

        play(sandbox, updates, scene, handle)

        assert updates.unhandled(limit=10) == []

    def test_after_a_bug_the_person_gets_an_apology(self, sandbox: SandboxClient, updates: Updates) -> None:
        person = sandbox.person("Ada")
        body = a_message(10)
        body["message"]["chat"]["id"] = body["message"]["from"]["id"] = person["id"]

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise ZeroDivisionError

        async def scene(bot: Bot) -> None:
            bot.receive(body)
            await bot.handle_all()

        play(sandbox, updates, scene, handle)

        (apology,) = [call["body"] for call in sandbox.journal(service="telegram", path="sendMessage")]
        assert "Something unexpected went wrong" in apology["text"]
        assert int(apology["chat_id"]) == person["id"]

    def test_an_update_that_is_being_handled_is_not_begun_again(self, sandbox: SandboxClient, updates: Updates) -> None:
        begun = []

        async def scene(bot: Bot) -> None:
            update = Update.de_json(a_message(10), bot.application.bot)
            assert update is not None
            first = asyncio.create_task(bot.application.process_update(update))
            while not begun:
                await asyncio.sleep(0)
            await bot.application.process_update(update)
            gate.set()
            await first

        gate = asyncio.Event()

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            begun.append(update.update_id)
            await gate.wait()

        play(sandbox, updates, scene, handle)

        assert begun == [10]


class TestFeeding:
    def test_what_a_dead_process_left_is_handled_oldest_first(self, sandbox: SandboxClient, updates: Updates) -> None:
        updates.keep([RawUpdate(number, json.dumps(a_message(number))) for number in (12, 10, 11)])

        async def scene(bot: Bot) -> list[int]:
            await bot.application.feed_unhandled()
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [10, 11, 12]

    def test_what_has_just_come_is_left_to_whoever_took_it(self, sandbox: SandboxClient, updates: Updates) -> None:
        updates.keep([RawUpdate(10, json.dumps(a_message(10)))])

        async def scene(bot: Bot) -> int:
            return await bot.application.feed_unhandled(older_than=timedelta(minutes=1))

        assert play(sandbox, updates, scene) == 0

    def test_what_the_library_can_not_read_any_more_is_over(self, sandbox: SandboxClient, updates: Updates) -> None:
        unreadable = {"update_id": 10, "message": {"message_id": "of a kind nobody knows"}}
        updates.keep([RawUpdate(10, json.dumps(unreadable)), RawUpdate(11, json.dumps(a_message(11)))])

        async def scene(bot: Bot) -> list[int]:
            await bot.application.feed_unhandled()
            await bot.application.tick_off()
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [11]
        assert updates.unhandled(limit=10) == [11]

    def test_an_inline_query_that_an_earlier_version_wrote_down_is_over(
        self, sandbox: SandboxClient, updates: Updates
    ) -> None:
        handled: list[Update] = []

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            handled.append(update)

        async def scene(bot: Bot) -> None:
            updates.keep([RawUpdate(10, json.dumps(a_query(10)))])
            await bot.application.feed_unhandled()
            await bot.handle_all()

        play(sandbox, updates, scene, handle)

        assert (handled, updates.unhandled(limit=10)) == ([], [])


class Killed(BaseException):
    """The process ends in the middle of a handler."""


def live(sandbox: SandboxClient, updates: Updates, handle: Handler) -> None:
    """Play a process that takes on what the one before it left, to its end."""

    async def scene(bot: Bot) -> None:
        await bot.application.feed_unhandled()
        with contextlib.suppress(Killed):
            await bot.handle_all()

    play(sandbox, updates, scene, handle)


class TestAnUpdateThatEndsProcesses:
    def test_is_given_up_with_an_apology_when_it_would_be_started_for_the_third_time(
        self, sandbox: SandboxClient, updates: Updates, caplog: pytest.LogCaptureFixture
    ) -> None:
        person, started = sandbox.person("Ada"), []
        body = a_message(10)
        body["message"]["chat"]["id"] = body["message"]["from"]["id"] = person["id"]
        updates.keep([RawUpdate(10, json.dumps(body))])

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            started.append(update.update_id)
            raise Killed

        live(sandbox, updates, handle)
        live(sandbox, updates, handle)
        assert sandbox.journal(service="telegram", path="sendMessage") == []
        live(sandbox, updates, handle)

        assert started == [10, 10]
        (apology,) = [call["body"] for call in sandbox.journal(service="telegram", path="sendMessage")]
        assert "something went wrong each time" in apology["text"]
        assert int(apology["chat_id"]) == person["id"]
        assert updates.unhandled(limit=10) == []
        (line,) = [record for record in caplog.records if record.message.startswith("update given up")]
        assert (line.levelname, line.update_id) == ("ERROR", 10)  # type: ignore[attr-defined]

    def test_takes_no_other_with_it(self, sandbox: SandboxClient, updates: Updates) -> None:
        """The first time it is handled beside others; from then on each that may have been it is handled alone."""
        updates.keep([RawUpdate(number, json.dumps(a_message(number))) for number in (10, 11, 12)])
        begun, handled, is_crowded = set[int](), list[int](), True
        tasks: list[asyncio.Task[None]] = []

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            begun.add(update.update_id)
            while is_crowded and len(begun) < 3:
                await asyncio.sleep(0)
            if update.update_id == 10:
                for task in tasks:
                    task.cancel()
                raise Killed
            if is_crowded:
                await asyncio.Event().wait()
            handled.append(update.update_id)

        async def life(bot: Bot) -> None:
            await bot.application.feed_unhandled()
            tasks[:] = [asyncio.create_task(bot.application.process_update(update)) for update in bot.queued()]
            await asyncio.gather(*tasks, return_exceptions=True)

        play(sandbox, updates, life, handle)
        is_crowded = False
        for _ in range(2):
            play(sandbox, updates, life, handle)

        assert handled == [11, 12]

    def test_is_no_update_whose_handler_failed_before_the_process_ended(
        self, sandbox: SandboxClient, updates: Updates
    ) -> None:
        updates.keep([RawUpdate(10, json.dumps(a_message(10)))])
        started = []

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            started.append(update.update_id)
            raise NetworkError("reset")

        for _ in range(4):
            live(sandbox, updates, handle)

        assert started == [10] * 4
        assert updates.unhandled(limit=10) == [10]


class TestHowSoonAnUpdateComesAgain:
    @pytest.mark.parametrize("error", [StoreAway("away"), NetworkError("reset"), NotConnected("refused"), TimedOut()])
    def test_a_hiccup_costs_a_few_seconds(self, error: Exception) -> None:
        assert (pause_s(error, tries=1, rng=lambda: 1.0) or 60.0) < 5

    @given(st.integers(1, 10_000), st.floats(0, 1))
    def test_no_pause_is_longer_than_a_minute_and_a_half(self, tries: int, random_number: float) -> None:
        assert (pause_s(StoreAway("away"), tries=tries, rng=lambda: random_number) or 0.0) <= 90

    def test_telegram_says_how_long_a_flood_wait_is(self) -> None:
        assert 480 <= (pause_s(RetryAfter(480), tries=1) or 0.0) <= 481

    @pytest.mark.parametrize(
        ("error", "seconds"),
        [
            (StoreAway("away"), 20 * 3600),
            (NotConnected("refused"), 20 * 3600),
            (NetworkError("reset"), 600),
            (InvalidToken(), 600),
            (ServiceUnreachable("no file"), 600),
            (TimedOut(), 10),
        ],
    )
    def test_it_does_so_for_a_while_and_not_for_ever(self, error: Exception, seconds: float) -> None:
        pauses = []
        while (pause := pause_s(error, tries=len(pauses) + 1, rng=lambda: 0.5)) is not None:
            pauses.append(pause)

        assert seconds < sum(pauses) < 3 * seconds

    @pytest.mark.parametrize(
        "error", [BadRequest("no"), Forbidden("blocked"), ChatMigrated(-100), ZeroDivisionError(), IdeaTooLong("long")]
    )
    def test_what_would_fail_again_does_not_come_again(self, error: Exception) -> None:
        assert pause_s(error, tries=1) is None
