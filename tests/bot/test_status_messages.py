"""Status messages whose number was lost: found by their keyboard, and nothing else is touched."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import PIL.Image
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import TelegramError
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.pictures import keyboards
from services.bot.telegram.flood_limit import QUIET_WITHIN_S, FloodLimit
from services.bot.telegram.known_messages import AHEAD, KEPT, KnownMessages
from services.bot.telegram.lost_messages import LostMessages, Sought
from services.bot.telegram.removals import Removals
from services.bot.telegram.status_messages import LOOKS_AFTER_S, StatusMessage, StatusMessages
from services.bot.telegram.transport import Transport
from shared.errors import StoreAway
from shared.jobs import Address, Job, Request, Sender
from shared.status_messages import Work
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.status_messages import StatusMessages as Record
from tests.builders import BOT, read
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
PRIVATE, OTHER_PRIVATE, GROUP, SUPERGROUP = 7, 8, -4_000_000_001, -1_002_000_000_001


class TestKnownMessages:
    def test_private_chats_and_groups_share_one_count_and_supergroups_have_their_own(self) -> None:
        known = KnownMessages()
        known.note(PRIVATE, 100)
        known.note(SUPERGROUP, 5)

        assert [known.highest(chat) for chat in (PRIVATE, OTHER_PRIVATE, GROUP, SUPERGROUP)] == [100, 100, 100, 5]
        assert known.highest(SUPERGROUP - 1) == 0

    def test_unknown_are_the_gaps_and_a_few_numbers_above(self) -> None:
        known = KnownMessages()
        for number in (10, 12, 14):
            known.note(PRIVATE, number)

        assert known.unknown(PRIVATE, after=10, limit=9) == [11, 13, *range(15, 15 + AHEAD)]
        assert known.unknown(PRIVATE, after=10, limit=2) == [11, 13]
        assert known.unknown(SUPERGROUP, after=3, limit=9) == [4, 5, 6]

    def test_of_answers_the_messages_are_noted(self) -> None:
        known = KnownMessages()
        here = {"id": SUPERGROUP, "type": "supergroup"}

        known.note_answer({"message_id": 3, "chat": here, "text": "one"})
        known.note_answer([{"message_id": number, "chat": here} for number in (4, 5)])
        for nothing in (True, {"id": 1}, [], None, {"message_id": "six", "chat": here}):
            known.note_answer(nothing)

        assert known.unknown(SUPERGROUP, after=2, limit=1) == [6]

    def test_what_is_long_past_is_forgotten(self) -> None:
        known = KnownMessages()
        for number in range(1, KEPT + 3):
            known.note(PRIVATE, number)

        assert known.unknown(PRIVATE, after=0, limit=2) == [1, 2]
        assert known.highest(PRIVATE) == KEPT + 2


def of_picture(job: Job) -> InlineKeyboardMarkup:
    """Stands for all the buttons under a picture."""
    return InlineKeyboardMarkup.from_button(InlineKeyboardButton("Delete", callback_data=f"delete {job.id}"))


def edited(messages: list[dict[str, Any]]) -> set[int]:
    return {one["message_id"] for one in messages if one.get("edited")}


class FailingRecord(Record):
    """A record whose database is away for the first few notes."""

    def __init__(self, database: Database, *, away: int) -> None:
        super().__init__(database)
        self._away = away

    def sent(self, work: Work, work_id: int, message_id: int, shown: str) -> bool:
        if self._away:
            self._away -= 1
            raise StoreAway("away")
        return super().sent(work, work_id, message_id, shown)


class Office:
    """A bot that sends status messages to Ada, and its record."""

    def __init__(self, sandbox: SandboxClient, database: Database, bot: ExtBot[int], known: KnownMessages) -> None:
        self.sandbox = sandbox
        self.database = database
        self.bot = bot
        self.known = known
        self.ada = sandbox.person("Ada")["id"]
        self.jobs = Jobs(database)
        self._use(Record(database))

    def _use(self, record: Record) -> None:
        limit = self.bot.rate_limiter
        assert isinstance(limit, FloodLimit)
        self.lost = LostMessages(self.bot, BOT, record, self.known, limit, self._sought)
        self.messages = StatusMessages(record, self.lost, self.known, Removals(self.bot, BOT, record, self.lost))

    def _sought(self, work: Work, work_id: int) -> Sought | None:
        job = self.jobs.read(work_id) if work is Work.JOB else None
        return None if job is None else Sought(keyboards.status(job), job.address.message_id, of_picture(job))

    def let_database_fail(self, *, times: int) -> None:
        self._use(FailingRecord(self.database, away=times))

    async def asked(self) -> Job:
        """A new request of Ada's, whose status message is being sent."""
        said = await asyncio.to_thread(self.sandbox.say, self.ada, "/imagine a red fox")
        self.known.note(self.ada, said["message_id"])
        job, _ = self.jobs.submit(
            Request("a red fox"),
            address=Address(BOT, self.ada, said["message_id"]),
            sender=Sender(self.ada),
            status_after=said["message_id"],
        )
        return job

    def status(self, job: Job) -> StatusMessage:
        async def send() -> int:
            message = await self.bot.send_message(
                self.ada, "Queued.", reply_markup=keyboards.status(job), reply_to_message_id=job.address.message_id
            )
            return message.message_id

        return StatusMessage(Work.JOB, job.id, self.ada, "queued:1", job.status_after or 0, send)

    async def settled(self, *jobs: Job) -> None:
        """Wait until nobody is looking for these jobs' messages any more."""
        async with asyncio.timeout(20):
            while any(self.messages.has_in_hand(Work.JOB, job.id) for job in jobs):
                await asyncio.sleep(0.01)

    async def lose(self, job: Job) -> int:
        """Let the bot send a status message whose number it never learns; returns the number."""
        message = await self.bot.send_message(
            self.ada, "Queued.", reply_markup=keyboards.status(job), reply_to_message_id=job.address.message_id
        )
        self.known.forget(self.ada, message.message_id)
        return message.message_id

    async def lose_picture(self, job: Job) -> int:
        """Let the bot send a picture whose number it never learns; returns the number."""
        content = BytesIO()
        PIL.Image.new("RGB", (64, 48), "orange").save(content, "PNG")
        message = await self.bot.send_photo(
            self.ada, content.getvalue(), reply_markup=of_picture(job), reply_to_message_id=job.address.message_id
        )
        self.known.forget(self.ada, message.message_id)
        return message.message_id

    async def find(self, job: Job) -> int | None:
        return await self.lost.find(Work.JOB, job.id, self.ada, after=job.status_after or 0, limit=5)

    def buttons(self, message_id: int) -> list[str]:
        (message,) = (one for one in self.sandbox.messages(self.ada) if one["message_id"] == message_id)
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        return [button["callback_data"] for row in rows for button in row]


@asynccontextmanager
async def office(sandbox: SandboxClient, database: Database, quiet_within_s: float) -> AsyncIterator[Office]:
    known = KnownMessages()
    bot: ExtBot[int] = ExtBot(
        TOKEN,
        base_url=f"{sandbox.url}/telegram/bot",
        request=Transport(8),
        get_updates_request=Transport(1),
        rate_limiter=FloodLimit(seen=known.note_answer, quiet_within_s=quiet_within_s),
    )
    async with bot:
        yield Office(sandbox, database, bot, known)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    create_tables(opened)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def fresh_sandbox(sandbox: SandboxClient) -> None:
    sandbox.reset()


def run(sandbox: SandboxClient, database: Database, act: Any, *, quiet_within_s: float = QUIET_WITHIN_S) -> None:
    async def in_office() -> None:
        async with office(sandbox, database, quiet_within_s) as opened:
            await act(opened)

    asyncio.run(in_office())


class TestSending:
    def test_its_number_is_written_down(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            await at.messages.send(at.status(job))

            (message,) = sandbox.from_bot(at.ada)
            assert read(database, job).status_message_id == message["message_id"]

        run(sandbox, database, act)

    @pytest.mark.parametrize("fault", [{"drop": "after"}, {"preset": "internal-error"}, {"drop": "before"}], ids=str)
    def test_there_is_one_message_whatever_became_of_the_answer(
        self, sandbox: SandboxClient, database: Database, fault: dict[str, str]
    ) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            sandbox.arm("telegram", path="/sendMessage$", **fault)

            await at.messages.send(at.status(job))
            await at.settled(job)

            (message,) = sandbox.from_bot(at.ada)
            assert read(database, job).status_message_id == message["message_id"]

        run(sandbox, database, act)

    def test_no_second_one_is_sent_while_nobody_can_look_for_the_first(
        self, sandbox: SandboxClient, database: Database
    ) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            sandbox.arm("telegram", path="/sendMessage$", drop="after")
            sandbox.arm("telegram", path="/editMessageReplyMarkup$", times=len(LOOKS_AFTER_S), preset="bad-gateway")

            await at.messages.send(at.status(job))
            await at.settled(job)

            (message,) = sandbox.from_bot(at.ada)
            assert read(database, job).status_message_id == message["message_id"]
            assert len(sandbox.journal("telegram", "/sendMessage$")) == 1

        run(sandbox, database, act)

    def test_a_number_is_written_down_when_the_database_is_back(
        self, sandbox: SandboxClient, database: Database
    ) -> None:
        async def act(at: Office) -> None:
            at.let_database_fail(times=2)
            job = await at.asked()

            await at.messages.send(at.status(job))
            assert read(database, job).status_message_id is None
            await at.settled(job)

            (message,) = sandbox.from_bot(at.ada)
            assert read(database, job).status_message_id == message["message_id"]

        run(sandbox, database, act)

    def test_a_refusal_is_told_and_nothing_is_missing(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            sandbox.arm("telegram", path="/sendMessage$", preset="bad-request", arguments={"text": "TOPIC_CLOSED"})

            with pytest.raises(TelegramError):
                await at.messages.send(at.status(job))

            assert read(database, job).status_sending_since is None

        run(sandbox, database, act)

    def test_none_is_sent_where_one_may_be(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()

            await at.messages.begin(at.status(job))

            assert sandbox.from_bot(at.ada) == []

        run(sandbox, database, act)

    def test_one_that_another_process_sent_is_found(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            message_id = await at.lose(job)

            at.messages.look(at.status(job))
            await at.settled(job)

            assert read(database, job).status_message_id == message_id
            assert len(sandbox.from_bot(at.ada)) == 1

        run(sandbox, database, act)


class TestFinding:
    def test_messages_of_ours_that_are_known_are_not_touched(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            menu = InlineKeyboardMarkup.from_button(InlineKeyboardButton("Help", callback_data="help help"))
            helped = await at.bot.send_message(at.ada, "Hello", reply_markup=menu)
            lost = await at.lose(job)
            await at.bot.send_message(at.ada, "Hello again", reply_markup=menu)

            assert await at.find(job) == lost

            assert at.buttons(helped.message_id) == ["help help"]
            assert edited(sandbox.from_bot(at.ada)) <= {lost}

        run(sandbox, database, act)

    def test_messages_of_people_and_of_other_chats_stay_as_they_are(
        self, sandbox: SandboxClient, database: Database
    ) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            await asyncio.to_thread(sandbox.say, at.ada, "hurry up")
            bob = await asyncio.to_thread(sandbox.person, "Bob")
            await asyncio.to_thread(sandbox.say, bob, "hello")
            await at.bot.send_message(bob["id"], "Hello")
            at.known.forget(at.ada, at.known.highest(at.ada))
            lost = await at.lose(job)

            assert await at.find(job) == lost

            assert edited([*sandbox.messages(at.ada), *sandbox.messages(bob)]) <= {lost}

        run(sandbox, database, act)

    def test_of_two_that_are_lost_each_is_found(self, sandbox: SandboxClient, database: Database) -> None:
        """The first was never sent: looking for it meets the second."""

        async def act(at: Office) -> None:
            first, second = await at.asked(), await at.asked()
            lost = await at.lose(second)

            assert await at.find(first) is None
            assert at.buttons(lost) == [f"cancel {second.id}"]
            assert await at.find(second) == lost

        run(sandbox, database, act)

    def test_a_message_that_nobody_knew_loses_at_most_its_buttons(
        self, sandbox: SandboxClient, database: Database
    ) -> None:
        """The bot was killed right after it had sent it."""

        async def act(at: Office) -> None:
            job = await at.asked()
            hint = await at.bot.send_message(at.ada, "A hint")
            at.known.forget(at.ada, hint.message_id)
            lost = await at.lose(job)

            assert await at.find(job) == lost
            assert at.buttons(hint.message_id) == []

        run(sandbox, database, act)

    @pytest.mark.parametrize("drop", ["after", "before"])
    def test_a_picture_whose_number_was_lost_too_is_never_taken_for_it(
        self, sandbox: SandboxClient, database: Database, drop: str
    ) -> None:
        """The answer to the question whether the picture bears the keyboard is lost: from then on it does."""

        async def act(at: Office) -> None:
            job = await at.asked()
            picture = await at.lose_picture(job)
            sandbox.arm("telegram", path="/editMessageReplyMarkup$", drop=drop)
            with pytest.raises(TelegramError):
                await at.find(job)

            assert await at.find(job) is None
            assert at.buttons(picture) == [f"delete {job.id}"]

        run(sandbox, database, act)

    def test_it_is_found_when_the_answer_of_the_check_is_lost(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            lost = await at.lose(job)
            sandbox.arm("telegram", path="/editMessageReplyMarkup$", skip=1, drop="after")
            with pytest.raises(TelegramError):
                await at.find(job)

            assert await at.find(job) == lost
            assert at.buttons(lost) == [f"cancel {job.id}"]

        run(sandbox, database, act)

    def test_it_waits_for_what_is_being_sent_to_the_chat(self, sandbox: SandboxClient, database: Database) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            sandbox.arm("telegram", path="/sendMessage$", gate="telegram", drop=None)
            menu = InlineKeyboardMarkup.from_button(InlineKeyboardButton("Help", callback_data="help help"))
            sending = asyncio.create_task(at.bot.send_message(at.ada, "Hello", reply_markup=menu))
            await asyncio.to_thread(sandbox.wait_at_gate, "telegram")

            looking = asyncio.create_task(at.find(job))
            await asyncio.to_thread(sandbox.open_gate, "telegram")

            assert await looking is None
            assert at.buttons((await sending).message_id) == ["help help"]

        run(sandbox, database, act)

    def test_it_is_left_for_later_where_something_is_sent_for_long(
        self, sandbox: SandboxClient, database: Database
    ) -> None:
        async def act(at: Office) -> None:
            job = await at.asked()
            sandbox.arm("telegram", path="/sendMessage$", gate="telegram")
            sending = asyncio.create_task(at.bot.send_message(at.ada, "Hello"))
            await asyncio.to_thread(sandbox.wait_at_gate, "telegram")

            with pytest.raises(TelegramError):
                await at.find(job)

            await asyncio.to_thread(sandbox.open_gate, "telegram")
            await sending

        run(sandbox, database, act, quiet_within_s=0.2)
