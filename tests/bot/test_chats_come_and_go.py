"""A chat that closes, opens again or moves: what waits there ends, what is kept goes along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telegram import ChatMemberRestricted
from telegram.error import Forbidden

from services.bot.intake.fleeting import is_fleeting, newest_fleeting
from services.bot.intake.service_messages import ChatMigrationHandler
from services.bot.queue.closed_chats import ClosedChats
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.removals import Removals
from shared.errands import ErrandKind
from shared.jobs import Address, Sender, State
from shared.status_messages import Work
from shared.store.chat_migration import ChatMigration
from shared.store.chats import Chats
from shared.store.database import Database
from shared.store.status_messages import StatusMessages
from tests.bot.handler_rig import ADA, BOB, GROUP, HandlerRig
from tests.bot.stage import BOT
from tests.builders import show_status

ADA_HERSELF = {"id": ADA, "is_bot": False, "first_name": "Ada"}
US = {"id": BOT, "is_bot": True, "first_name": "Bot"}
OUT = {"kicked": {"until_date": 0}, "left": {}, "restricted": {"is_member": False}}
# What the library wants to be told of a member with few rights.
RIGHTS = tuple(name for name in ChatMemberRestricted.__slots__ if name.startswith("can_"))


class Rig(HandlerRig):
    """Follows what becomes of chats."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        record, known = StatusMessages(database), KnownMessages()
        self.calls_to = FloodLimit()
        lost = LostMessages(self.bot, BOT, record, known, self.limit, lambda *_: None)
        removals = Removals(self.bot, BOT, record, lost)
        self.handler = ClosedChats(BOT, Chats(database), record, self.tickets, removals, self.calls_to)

    def changed(self, status: str, chat: int = ADA, **member: Any) -> None:
        """Hear what we are in a chat from now on."""
        usual = {"user": US, "status": status, "until_date": 0} | (dict.fromkeys(RIGHTS, True) if member else {})
        kind = "private" if chat > 0 else "supergroup"
        change = {"chat": {"id": chat, "type": kind, "title": "A group"}, "from": ADA_HERSELF, "date": 1}
        change |= {"old_chat_member": {"user": US, "status": "member"}, "new_chat_member": usual | member}
        self.run(self.handler.follow(self.update({"my_chat_member": change}), self.context))

    def is_closed(self, chat: int = ADA) -> bool:
        """Whether nothing is let through to a chat."""

        async def call() -> bool:
            try:
                await self.calls_to.process_request(sent, (), {}, "sendMessage", {"chat_id": chat}, None)
            except Forbidden:
                return True
            return False

        async def sent() -> bool:
            return True

        return self.run(call())


@pytest.fixture
def rig(record: Database, tmp_path: Path) -> Iterator[Rig]:
    with Rig(record, tmp_path / "images") as made:
        yield made


class TestAChatThatCloses:
    @pytest.mark.parametrize("status", OUT)
    def test_ends_what_waits_there_and_nothing_elsewhere(self, rig: Rig, status: str) -> None:
        mine, in_group = rig.ask(), rig.ask(chat=GROUP)
        question, _ = rig.errands.submit(
            ErrandKind.CHAT, {"text": "foxes?"}, address=Address(BOT, ADA, 3), sender=Sender(ADA)
        )

        rig.changed(status, **OUT[status])

        read = rig.errands.read(question.id)
        assert (rig.read(mine).state, read and read.state) == (State.CANCELLED, State.CANCELLED)
        assert rig.read(in_group).state is State.QUEUED
        assert (rig.is_closed(), rig.is_closed(GROUP)) == (True, False)
        assert rig.tickets.on_their_way() == 1

    def test_in_which_nothing_waited_sends_nobody_to_work(self, rig: Rig) -> None:
        rig.changed("kicked", until_date=0)

        assert rig.tickets.on_their_way() == 0

    def test_opens_as_soon_as_something_comes_from_it(self, rig: Rig) -> None:
        rig.changed("kicked", until_date=0)
        message = {"message_id": 1, "date": 1, "chat": {"id": ADA, "type": "private"}, "from": ADA_HERSELF}

        rig.run(rig.handler.hear(rig.update({"message": message | {"text": "hello"}}), rig.context))

        assert not rig.is_closed()

    def test_and_opens_again_has_removed_at_once_what_could_not_be_meanwhile(self, rig: Rig) -> None:
        job, record = rig.ask(), StatusMessages(rig.database)
        show_status(rig.database, job, 5)
        record.remove(Work.JOB, job.id, 5)
        [left] = record.claim_removals(BOT, limit=9)
        record.again(left.id, in_s=3_600)
        rig.changed("kicked", until_date=0)
        assert record.claim_removals(BOT, limit=9) == []

        rig.changed("member")

        assert [one.message_id for one in record.claim_removals(BOT, limit=9)] == [5]
        assert not rig.is_closed()

    def test_is_noticed_by_a_refusal_as_well(self, rig: Rig) -> None:
        job = rig.ask()

        rig.handler.gone(ADA)

        assert rig.read(job).state is State.CANCELLED

    def test_while_the_record_is_away_is_left_for_later(self, deaf_port: int, tmp_path: Path) -> None:
        away = Database(f"postgresql+psycopg://postgres@127.0.0.1:{deaf_port}/none")
        with away, Rig(away, tmp_path) as rig:
            rig.handler.gone(ADA)

            assert rig.tickets.on_their_way() == 0


class TestAGroupThatMoves:
    NEW = GROUP - 5

    @pytest.mark.parametrize("hears", ["the old one", "the new one"])
    def test_takes_along_what_was_asked_for(self, rig: Rig, hears: str) -> None:
        job = rig.ask(chat=GROUP)
        handler = ChatMigrationHandler(ChatMigration(rig.database, BOT))
        said = {
            "the old one": (GROUP, {"migrate_to_chat_id": self.NEW}),
            "the new one": (self.NEW, {"migrate_from_chat_id": GROUP}),
        }
        chat, content = said[hears]
        message = {"message_id": 1, "date": 1, "chat": {"id": chat, "type": "supergroup", "title": "A group"}}

        rig.run(handler.follow(rig.update({"message": message | content}), rig.context))

        assert rig.read(job).address.chat_id == self.NEW

    def test_is_not_what_another_message_tells(self, rig: Rig) -> None:
        job = rig.ask(chat=GROUP)
        message = {"message_id": 1, "date": 1, "chat": {"id": GROUP, "type": "supergroup", "title": "A group"}}

        handler = ChatMigrationHandler(ChatMigration(rig.database, BOT))
        rig.run(handler.follow(rig.update({"message": message | {"text": "hello"}}), rig.context))

        assert rig.read(job).address.chat_id == GROUP


class TestInlineQueries:
    def ask(self, rig: Rig, who: int, words: str) -> Any:
        person = {"id": who, "is_bot": False, "first_name": "Somebody"}
        return rig.update({"inline_query": {"id": words, "from": person, "query": words, "offset": ""}})

    def test_are_over_in_a_moment_and_of_each_person_the_newest_counts(self, rig: Rig) -> None:
        asked = [self.ask(rig, ADA, "f"), self.ask(rig, BOB, "c"), self.ask(rig, ADA, "fo")]

        assert [is_fleeting(one) for one in (*asked, None)] == [True, True, True, False]
        assert [one.inline_query.query for one in newest_fleeting([*asked, None])] == ["fo", "c"]
