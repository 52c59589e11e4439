"""Messages that are to be removed: what follows a refusal, and what people see in the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select, update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.removals import CLOSED_PAUSE_S, Removals, pause_after
from services.bot.telegram.transport import Transport
from services.health import Sign
from shared.status_messages import Work
from shared.store import tables
from shared.store.database import Database
from shared.store.status_messages import StatusMessages
from tests.builders import ALREADY_OVER, BOT, show_status, submit
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
TWO_DAYS_S = 2 * 24 * 3600.0

T = TypeVar("T")


class TestThePauseAfterARefusal:
    @pytest.mark.parametrize(
        "error",
        [
            BadRequest("Message to delete not found"),
            BadRequest("Message to edit not found"),
            BadRequest("Message is not modified: specified new message content"),
            BadRequest("Message can't be edited"),
            ChatMigrated(-100),
        ],
        ids=str,
    )
    def test_there_is_none_when_nobody_can_remove_it(self, error: TelegramError) -> None:
        assert pause_after(error, tries=1) is None

    @pytest.mark.parametrize("error", [NetworkError("Bad Gateway"), TimedOut(), InvalidToken()], ids=str)
    def test_it_grows_up_to_a_limit_when_time_may_mend_it(self, error: TelegramError) -> None:
        first, later, last = (pause_after(error, tries=tries) for tries in (1, 6, 400))

        assert first is not None
        assert later is not None
        assert last is not None
        assert first < 2 < later < 60 < last < 600

    def test_it_is_as_long_as_telegram_said(self) -> None:
        pause = pause_after(RetryAfter(17), tries=1)

        assert pause is not None
        assert 17 <= pause <= 18

    @pytest.mark.parametrize(
        "error", [Forbidden("bot was kicked from the group chat"), BadRequest("Chat not found")], ids=str
    )
    def test_it_is_long_when_the_chat_is_closed_to_us(self, error: TelegramError) -> None:
        assert pause_after(error, tries=1) == CLOSED_PAUSE_S


class CountingRecord(StatusMessages):
    """A record that counts the tries whose end was written down."""

    ended = 0

    def again(self, removal_id: int, *, in_s: float) -> None:
        super().again(removal_id, in_s=in_s)
        self.ended += 1

    def removed(self, removal_id: int) -> None:
        super().removed(removal_id)
        self.ended += 1


class Chat:
    """A person's chat with a bot, and the record of what is to be removed from it."""

    def __init__(self, sandbox: SandboxClient, database: Database) -> None:
        self.sandbox = sandbox
        self.database = database
        self.record = CountingRecord(database)
        asyncio.run(self._with_bot(lambda bot: bot.get_me()))  # Telegram knows the bot from now on.
        self.person = sandbox.person("Ada")["id"]
        sandbox.say(self.person, "/imagine a red fox")

    def status_message(self) -> int:
        """Let the bot say something that is to be removed; returns its number."""
        message_id = asyncio.run(self._with_bot(lambda bot: bot.send_message(self.person, "Painting"))).message_id
        job = submit(self.database, chat=self.person)
        show_status(self.database, job, message_id)
        self.record.remove(Work.JOB, job.id, message_id)
        return message_id

    def try_to_remove(self) -> None:
        """Try what is due once."""
        asyncio.run(self._with_bot(self._remove))

    async def _remove(self, bot: ExtBot[None]) -> None:
        lost = LostMessages(bot, BOT, self.record, KnownMessages(), FloodLimit(), lambda *_: None)
        removals = Removals(bot, BOT, self.record, lost)
        rounds = asyncio.create_task(removals.empty_outbox(Sign()))
        before = self.record.ended
        try:
            async with asyncio.timeout(20):
                while self.record.ended == before:
                    await asyncio.sleep(0.01)
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)
            await removals.finish()

    async def _with_bot(self, act: Callable[[ExtBot[None]], Awaitable[T]]) -> T:
        bot: ExtBot[None] = ExtBot(
            TOKEN,
            base_url=f"{self.sandbox.url}/telegram/bot",
            request=Transport(8),
            get_updates_request=Transport(1),
        )
        async with bot:
            return await act(bot)

    def pauses(self) -> list[timedelta]:
        """How long each message that is still to be removed waits from now on."""
        with self.database.reading() as connection:
            return [at - datetime.now(UTC) for at in connection.scalars(select(tables.removals.c.not_before))]

    def let_time_pass(self) -> None:
        """All that waits has waited long enough."""
        with self.database.writing() as connection:
            connection.execute(update(tables.removals).values(not_before=datetime.now(UTC) + ALREADY_OVER))

    def texts(self) -> list[str]:
        return [message["text"] for message in self.sandbox.from_bot(self.person)]


@pytest.fixture
def chat(sandbox: SandboxClient, sqlite_url: str) -> Iterator[Chat]:
    sandbox.reset()
    database = Database(sqlite_url)
    create_tables(database)
    yield Chat(sandbox, database)
    database.close()


class TestRemovals:
    def test_a_message_goes_and_is_forgotten(self, chat: Chat) -> None:
        chat.status_message()

        chat.try_to_remove()

        assert chat.texts() == []
        assert chat.pauses() == []

    @pytest.mark.parametrize("fault", [{"preset": "internal-error"}, {"drop": "before"}, {"drop": "after"}], ids=str)
    def test_what_telegram_did_not_do_is_tried_again(self, chat: Chat, fault: dict[str, str]) -> None:
        chat.status_message()
        chat.sandbox.arm("telegram", path="/deleteMessage$", **fault)

        chat.try_to_remove()
        assert len(chat.pauses()) == 1
        chat.let_time_pass()
        chat.try_to_remove()

        assert chat.texts() == []
        assert chat.pauses() == []

    def test_a_flood_limit_is_waited_for(self, chat: Chat) -> None:
        chat.status_message()
        chat.sandbox.arm("telegram", path="/deleteMessage$", preset="too-many-requests", arguments={"retry_after": 60})

        chat.try_to_remove()

        assert [round(pause / timedelta(seconds=60), 0) for pause in chat.pauses()] == [1]

    def test_a_message_too_old_to_be_deleted_says_that_it_is_over(self, chat: Chat) -> None:
        chat.status_message()
        chat.sandbox.advance_clock(TWO_DAYS_S + 1)

        chat.try_to_remove()

        (message,) = chat.sandbox.from_bot(chat.person)
        assert message["text"] == "✔️ This request is finished."
        assert "reply_markup" not in message
        assert chat.pauses() == []

    def test_a_chat_that_is_closed_to_us_is_asked_rarely(self, chat: Chat) -> None:
        chat.status_message()
        chat.sandbox.block(chat.person)

        chat.try_to_remove()

        (pause,) = chat.pauses()
        assert pause > timedelta(hours=4)

        chat.sandbox.unblock(chat.person)
        chat.record.release_removals(BOT, chat.person)
        chat.try_to_remove()
        assert chat.texts() == []

    def test_after_a_week_it_is_left_alone(self, chat: Chat) -> None:
        chat.status_message()
        chat.sandbox.arm("telegram", path="/deleteMessage$", drop="before")
        with chat.database.writing() as connection:
            connection.execute(update(tables.removals).values(since=datetime.now(UTC) - timedelta(days=8)))

        chat.try_to_remove()

        assert chat.pauses() == []
