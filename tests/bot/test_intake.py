"""Updates on their way from the database to the handlers, and what becomes of those that fail."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from builders import BOT
from telegram import Update
from telegram.error import Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import ApplicationBuilder, ContextTypes, TypeHandler

from sandbox.client import SandboxClient
from services.bot.intake.application import DurableApplication, feed_unhandled
from services.bot.intake.failures import failed
from shared.errors import StoreAway
from shared.migrations import migrate
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates

TOKEN = f"{BOT}:" + "a" * 35
Handler = Callable[[Update, ContextTypes.DEFAULT_TYPE], Awaitable[None]]


@pytest.fixture
def book(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def updates(book: Database) -> Updates:
    return Updates(book, BOT)


def a_message(update_id: int, text: str = "hello") -> dict[str, Any]:
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {"update_id": update_id, "message": {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text}}


class Bot:
    """A bot with one handler, which is told what to do with each update."""

    def __init__(self, url: str, updates: Updates, handle: Handler) -> None:
        builder = ApplicationBuilder().application_class(DurableApplication, {"updates": updates}).token(TOKEN)
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

        assert updates.unhandled(most=10) == []

    @pytest.mark.parametrize("error", [StoreAway("away"), RetryAfter(60), NetworkError("no connection")])
    def test_what_time_can_mend_comes_again(self, sandbox: SandboxClient, updates: Updates, error: Exception) -> None:
        errors, handled = [error], []

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            if errors:
                raise errors.pop()
            handled.append(update.effective_message.text if update.effective_message else None)

        async def scene(bot: Bot) -> int:
            bot.receive(a_message(10, "a red fox"))
            await bot.handle_all()
            fed = await feed_unhandled(
                updates, bot.application.bot, bot.application.update_queue.put_nowait, older_than=timedelta(0)
            )
            await bot.handle_all()
            return fed

        assert play(sandbox, updates, scene, handle) == 1
        assert handled == ["a red fox"]
        assert updates.unhandled(most=10) == []

    @pytest.mark.parametrize("error", [Forbidden("blocked"), TimedOut(), ZeroDivisionError()])
    def test_what_time_can_not_mend_is_over(self, sandbox: SandboxClient, updates: Updates, error: Exception) -> None:
        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise error

        async def scene(bot: Bot) -> None:
            bot.receive(a_message(10))
            await bot.handle_all()

        play(sandbox, updates, scene, handle)

        assert updates.unhandled(most=10) == []

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
        assert "Something went wrong" in apology["text"]
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
            await feed_unhandled(
                updates, bot.application.bot, bot.application.update_queue.put_nowait, older_than=timedelta(0)
            )
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [10, 11, 12]

    def test_what_may_still_be_in_somebodys_hands_is_left_there(self, sandbox: SandboxClient, updates: Updates) -> None:
        updates.keep([RawUpdate(10, json.dumps(a_message(10)))])

        async def scene(bot: Bot) -> int:
            return await feed_unhandled(
                updates, bot.application.bot, bot.application.update_queue.put_nowait, older_than=timedelta(minutes=1)
            )

        assert play(sandbox, updates, scene) == 0
