"""Updates on their way from Telegram into the book, and from there to the handlers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from builders import BOT
from cryptography.fernet import Fernet
from telegram import Update
from telegram.error import Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import ApplicationBuilder, ContextTypes, TypeHandler

from sandbox.client import SandboxClient
from services.bot.intake.application import DurableApplication, feed_unhandled
from services.bot.intake.failures import failed
from services.bot.intake.poller import DurableTransport
from services.health import Heartbeat
from shared.errors import StoreAway
from shared.migrations import migrate
from shared.secrets import Box
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates

BOX = Box(Fernet.generate_key().decode())
TOKEN = f"{BOT}:" + "a" * 35
UNREADABLE = {"update_id": 11, "message": {"message_id": "of a kind nobody knows"}}
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
        self.transport = DurableTransport(updates, Heartbeat(None), BOX)
        builder = ApplicationBuilder().application_class(DurableApplication, {"updates": updates}).token(TOKEN)
        builder = builder.base_url(f"{url}/telegram/bot").get_updates_request(self.transport)
        self.application = cast("DurableApplication", builder.build())
        self.transport.feed(self.application)
        self.application.add_handler(TypeHandler(Update, handle))
        self.application.add_error_handler(failed)
        self._url = f"{url}/telegram/bot{TOKEN}/getUpdates"

    async def fetch(self) -> Any:
        """Ask Telegram for updates once; returns what the library gets to see."""
        status, body = await self.transport.do_request(self._url, "POST")
        assert status == 200
        return json.loads(body)["result"]

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


def telegram_has(sandbox: SandboxClient, *bodies: Any) -> None:
    """Telegram's next answer to getUpdates."""
    answer = {"ok": True, "result": list(bodies)}
    sandbox.arm("telegram", path="getUpdates", status=200, reply=answer)


class TestFetching:
    def test_updates_are_in_the_book_before_a_handler_sees_them(self, sandbox: SandboxClient, updates: Updates) -> None:
        telegram_has(sandbox, a_message(10), a_message(11))

        async def scene(bot: Bot) -> list[int]:
            await bot.fetch()
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [10, 11]
        assert [raw.update_id for raw in updates.unhandled(most=10)] == [10, 11]

    def test_the_library_gets_the_last_number_to_confirm_and_nothing_else(
        self, sandbox: SandboxClient, updates: Updates
    ) -> None:
        telegram_has(sandbox, a_message(10), UNREADABLE)

        assert play(sandbox, updates, Bot.fetch) == [{"update_id": 11}]

    def test_no_updates_are_fine(self, sandbox: SandboxClient, updates: Updates) -> None:
        telegram_has(sandbox)

        assert play(sandbox, updates, Bot.fetch) == []

    def test_one_that_can_not_be_read_is_kept_and_holds_nobody_up(
        self, sandbox: SandboxClient, updates: Updates
    ) -> None:
        telegram_has(sandbox, UNREADABLE, a_message(12))

        async def scene(bot: Bot) -> list[int]:
            await bot.fetch()
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [12]
        assert updates.keep([RawUpdate(11, "{}")]) == {11}

    def test_one_that_was_handled_is_not_handled_again(self, sandbox: SandboxClient, updates: Updates) -> None:
        telegram_has(sandbox, a_message(10))
        telegram_has(sandbox, a_message(10), a_message(11))

        async def scene(bot: Bot) -> list[int]:
            await bot.fetch()
            await bot.handle_all()
            await bot.fetch()
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [11]

    @pytest.mark.parametrize("nonsense", ["<html>", "[]", '{"ok":true}', '{"ok":true,"result":[7]}'])
    def test_an_answer_that_is_none_is_asked_for_again(
        self, sandbox: SandboxClient, updates: Updates, nonsense: str
    ) -> None:
        sandbox.arm("telegram", path="getUpdates", status=200, reply=nonsense)

        with pytest.raises(NetworkError):
            play(sandbox, updates, Bot.fetch)

    def test_what_can_not_be_written_down_is_not_confirmed(self, sandbox: SandboxClient, tmp_path: Path) -> None:
        nowhere = Database(f"sqlite:///{tmp_path}/no/such/folder.db")
        telegram_has(sandbox, a_message(10))

        async def scene(bot: Bot) -> list[Update]:
            with pytest.raises(NetworkError, match="could not be written down"):
                await bot.fetch()
            return bot.queued()

        assert play(sandbox, Updates(nowhere, BOT), scene) == []


class TestHandling:
    def test_what_was_handled_is_ticked_off(self, sandbox: SandboxClient, updates: Updates) -> None:
        telegram_has(sandbox, a_message(10))

        async def scene(bot: Bot) -> None:
            await bot.fetch()
            await bot.handle_all()

        play(sandbox, updates, scene)

        assert updates.unhandled(most=10) == []

    @pytest.mark.parametrize("error", [StoreAway("away"), RetryAfter(60), NetworkError("no connection")])
    def test_what_time_can_mend_comes_again(self, sandbox: SandboxClient, updates: Updates, error: Exception) -> None:
        errors, handled = [error], []
        telegram_has(sandbox, a_message(10, "a red fox"))

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            if errors:
                raise errors.pop()
            handled.append(update.effective_message.text if update.effective_message else None)

        async def scene(bot: Bot) -> int:
            await bot.fetch()
            await bot.handle_all()
            fed = await feed_unhandled(
                updates, bot.application.bot, bot.application.update_queue, older_than=timedelta(0)
            )
            await bot.handle_all()
            return fed

        assert play(sandbox, updates, scene, handle) == 1
        assert handled == ["a red fox"]
        assert updates.unhandled(most=10) == []

    @pytest.mark.parametrize("error", [Forbidden("blocked"), TimedOut(), ZeroDivisionError()])
    def test_what_time_can_not_mend_is_over(self, sandbox: SandboxClient, updates: Updates, error: Exception) -> None:
        telegram_has(sandbox, a_message(10))

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise error

        async def scene(bot: Bot) -> None:
            await bot.fetch()
            await bot.handle_all()

        play(sandbox, updates, scene, handle)

        assert updates.unhandled(most=10) == []

    def test_after_a_bug_the_person_gets_an_apology(self, sandbox: SandboxClient, updates: Updates) -> None:
        person = sandbox.person("Ada")
        body = a_message(10)
        body["message"]["chat"]["id"] = body["message"]["from"]["id"] = person["id"]
        telegram_has(sandbox, body)

        async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            raise ZeroDivisionError

        async def scene(bot: Bot) -> None:
            await bot.fetch()
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
            await feed_unhandled(updates, bot.application.bot, bot.application.update_queue, older_than=timedelta(0))
            return [update.update_id for update in bot.queued()]

        assert play(sandbox, updates, scene) == [10, 11, 12]

    def test_what_may_still_be_in_somebodys_hands_is_left_there(self, sandbox: SandboxClient, updates: Updates) -> None:
        updates.keep([RawUpdate(10, json.dumps(a_message(10)))])

        async def scene(bot: Bot) -> int:
            return await feed_unhandled(
                updates, bot.application.bot, bot.application.update_queue, older_than=timedelta(minutes=1)
            )

        assert play(sandbox, updates, scene) == 0
