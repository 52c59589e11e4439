"""A group becomes a supergroup: what belongs to it is there under the new id, and meets nothing of the new chat's."""

import pytest
from sqlalchemy import select

from shared.errands import ErrandKind
from shared.jobs import Address, Request, Sender
from shared.store import tables
from shared.store.batches import Batches
from shared.store.chat_migration import NO_MESSAGE, ChatMigration
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.people import People
from tests.builders import BOT, read, show_status, submit, submit_and_finish

OLD, NEW, OTHER = -5, -1005, -6
ADA = Sender(7)


@pytest.fixture
def moves(database: Database) -> ChatMigration:
    return ChatMigration(database, BOT)


def in_group(chat: int, message: int, *, bot: int = BOT) -> Address:
    return Address(bot, chat, message, private=False)


def ask(database: Database, chat: int, message: int, *, sender: Sender = ADA, bot: int = BOT, count: int = 1) -> int:
    address = in_group(chat, message, bot=bot)
    return Jobs(database).submit(Request("foxes", count=count), address=address, sender=sender)[0].id


class TestTheGroup:
    def test_is_known_by_its_old_id(self, database: Database, moves: ChatMigration) -> None:
        moves.move(OLD, NEW)
        moves.move(OLD, NEW)

        assert moves.moved_to(OLD) == NEW
        assert moves.moved_to(OTHER) is None


class TestPictures:
    def test_are_answered_under_the_new_id_and_reply_to_nothing(self, database: Database, moves: ChatMigration) -> None:
        job = submit(database, chat=OLD, message=17)
        show_status(database, job, 18, "queued:1")

        moves.move(OLD, NEW)

        moved = read(database, job)
        assert (moved.address.chat_id, moved.address.message_id) == (NEW, NO_MESSAGE)
        assert moved.status_message_id is None

    def test_of_other_groups_and_other_bots_stay(self, database: Database, moves: ChatMigration) -> None:
        stay = [submit(database, chat=OTHER, message=17), submit(database, chat=OLD, message=17, bot=BOT + 1)]

        moves.move(OLD, NEW)

        assert [read(database, job).address for job in stay] == [job.address for job in stay]

    def test_are_not_mixed_up_with_those_of_the_new_chats_messages(
        self, database: Database, moves: ChatMigration
    ) -> None:
        """The new chat counts its messages from the beginning."""
        first = ask(database, OLD, 17)
        second = ask(database, NEW, 17)

        moves.move(OLD, NEW)
        third = ask(database, NEW, 17)

        assert first != second == third

    def test_of_one_request_stay_siblings(self, database: Database, moves: ChatMigration) -> None:
        ask(database, OLD, 17, count=3)

        moves.move(OLD, NEW)

        [*jobs] = Jobs(database).not_ended(ADA.id, bot_id=BOT, chat_id=NEW)
        assert [one.number for one in Jobs(database).siblings(jobs[0])] == [0, 1, 2]

    def test_that_were_delivered_are_no_message_of_the_new_chat(self, database: Database, moves: ChatMigration) -> None:
        job = submit_and_finish(database, chat=OLD)
        Outbox(database).claim(BOT, limit=1)
        Outbox(database).delivered(job.id, message_id=20, file_id="file")

        moves.move(OLD, NEW)

        assert Jobs(database).delivered_as(BOT, NEW, 20) is None
        assert read(database, job).file_id == "file"

    def test_that_an_anonymous_admin_asked_for_are_still_the_groups(
        self, database: Database, moves: ChatMigration
    ) -> None:
        ask(database, OLD, 17, sender=Sender(OLD))

        moves.move(OLD, NEW)

        [job] = Jobs(database).not_ended(NEW, bot_id=BOT, chat_id=NEW)
        assert job.sender.id == job.address.chat_id == NEW

    def test_are_delivered_at_the_next_claim(self, database: Database, moves: ChatMigration) -> None:
        job = submit_and_finish(database, chat=OLD)
        outbox = Outbox(database)
        outbox.claim(BOT, limit=1)

        moves.move(OLD, NEW)
        outbox.not_sent(job.id, retry_after_s=0)

        assert [one.address.chat_id for one in outbox.claim(BOT, limit=1)] == [NEW]


class TestErrands:
    def test_are_answered_in_a_new_message(self, database: Database, moves: ChatMigration) -> None:
        errands = Errands(database)
        errand, _ = errands.submit(ErrandKind.CHAT, {"text": "hello"}, address=in_group(OLD, 17), sender=ADA)
        errands.keep_shown(errand.id, {"messages": [18]})

        moves.move(OLD, NEW)

        moved = errands.read(errand.id)
        assert moved is not None
        assert (moved.address.chat_id, moved.address.message_id, moved.shown) == (NEW, NO_MESSAGE, None)

    def test_keep_their_conversation(self, database: Database, moves: ChatMigration) -> None:
        conversations = Conversations(database)
        before = conversations.of(BOT, OLD)

        moves.move(OLD, NEW)

        assert conversations.of(BOT, NEW).id == before.id

    def test_keep_the_new_conversation_where_one_has_begun(self, database: Database, moves: ChatMigration) -> None:
        conversations = Conversations(database)
        conversations.of(BOT, OLD)
        begun = conversations.of(BOT, NEW)

        moves.move(OLD, NEW)

        assert conversations.of(BOT, NEW).id == begun.id


class TestBatches:
    def test_go_on_under_the_new_id(self, database: Database, moves: ChatMigration) -> None:
        batches = Batches(database)
        batch, _ = batches.ask([Request("foxes")] * 2, address=in_group(OLD, 17), sender=ADA, source="telegram")
        batches.show_status(batch.id, 18, "asked")
        batches.start(batch.id)
        batches.fill(batch.id)

        moves.move(OLD, NEW)

        moved = batches.read(batch.id)
        assert moved is not None
        assert (moved.address.chat_id, moved.address.message_id, moved.status_message_id) == (NEW, NO_MESSAGE, None)
        assert [(job.address.chat_id, job.line) for job in batches.jobs(batch.id)] == [(NEW, 0), (NEW, 1)]


class TestChoices:
    def test_come_along(self, database: Database, moves: ChatMigration) -> None:
        people = People(database)
        people.choose(OLD, "en", style="oil")

        moves.move(OLD, NEW)

        assert people.preferences(NEW).style == "oil"

    def test_that_the_new_group_has_made_itself_stay(self, database: Database, moves: ChatMigration) -> None:
        people = People(database)
        people.choose(OLD, "en", style="oil")
        people.choose(NEW, "en", style="noir")

        moves.move(OLD, NEW)

        assert people.preferences(NEW).style == "noir"

    def test_move_once(self, database: Database, moves: ChatMigration) -> None:
        people = People(database)
        people.choose(OLD, "en", style="oil")
        moves.move(OLD, NEW)
        people.choose(NEW, "en", style="noir")

        moves.move(OLD, NEW)

        assert people.preferences(NEW).style == "noir"


def test_a_group_that_nobody_knows_moves_without_a_trace(database: Database, moves: ChatMigration) -> None:
    moves.move(OLD, NEW)

    with database.reading() as connection:
        assert connection.execute(select(tables.users)).all() == []
