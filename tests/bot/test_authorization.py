"""Who somebody is to a thing, from where they act: what is asked of Telegram, and of the record of moved groups."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from sandbox.client import Json, SandboxClient
from services.bot.telegram.admins import Admins
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.permissions import Action, Subject
from shared.store.chat_migration import ChatMigration
from shared.store.database import Database
from tests.bot.delivery_rig import bot_at
from tests.builders import BOT

OTHER_BOT = BOT + 1
SUPERGROUP = -1_009_999_999_999
T = TypeVar("T")


class House:
    """A group of Ada, who made it and so is its admin, with Bob and Eve."""

    def __init__(self, sandbox: SandboxClient, database: Database) -> None:
        sandbox.reset()
        self.sandbox, self.moves = sandbox, ChatMigration(database, BOT)
        self.with_admins(lambda admins: admins.include(1, 1))  # Telegram knows the bot from now on.
        self.ada, self.bob, self.eve = (sandbox.person(name)["id"] for name in ("Ada", "Bob", "Eve"))
        self.group: int = sandbox.group(self.ada, self.bob, self.eve)["id"]

    def with_admins(self, act: Callable[[Admins], Awaitable[T]]) -> T:
        async def run() -> T:
            async with bot_at(self.sandbox, FloodLimit()) as bot:
                return await act(Admins(bot))

        return asyncio.run(run())

    def allows(self, action: Action, person: int, chat: int, subject: Subject) -> bool:
        return self.with_admins(
            lambda admins: Authorization(admins, self.moves, BOT).allows(action, person, chat, subject)
        )

    def looks(self) -> list[Json]:
        return self.sandbox.journal("telegram", "/getChatAdministrators$")


@pytest.fixture
def house(sandbox: SandboxClient, database: Database) -> House:
    return House(sandbox, database)


class TestInItsChat:
    def test_who_asked_may_and_telegram_is_not_asked(self, house: House) -> None:
        bobs = Subject(BOT, house.group, house.bob)

        assert house.allows(Action.PAINT_AGAIN, house.bob, house.group, bobs)
        assert house.looks() == []

    def test_what_everybody_may_needs_no_look_either(self, house: House) -> None:
        assert house.allows(Action.FOLLOW_UP, house.eve, house.group, Subject(BOT, house.group, house.bob))
        assert house.looks() == []

    def test_an_admin_may_tidy_and_no_more(self, house: House) -> None:
        bobs = Subject(BOT, house.group, house.bob)

        assert house.allows(Action.DELETE, house.ada, house.group, bobs)
        assert not house.allows(Action.PAINT_AGAIN, house.ada, house.group, bobs)
        assert not house.allows(Action.DELETE, house.eve, house.group, bobs)

    def test_what_the_chat_itself_asked_for_is_its_admins(self, house: House) -> None:
        its_own = Subject(BOT, house.group, house.group)

        assert house.allows(Action.PAINT_AGAIN, house.ada, house.group, its_own)
        assert not house.allows(Action.PAINT_AGAIN, house.bob, house.group, its_own)


class TestFromElsewhere:
    def test_who_asked_may_from_home_where_the_table_says_so(self, house: House) -> None:
        bobs = Subject(BOT, house.group, house.bob)

        assert house.allows(Action.PAINT_AGAIN, house.bob, house.bob, bobs)
        assert not house.allows(Action.CANCEL, house.bob, house.bob, bobs)

    def test_nobody_else_may_and_nobody_from_another_group(self, house: House) -> None:
        bobs, elsewhere = Subject(BOT, house.group, house.bob), house.group - 1

        assert not house.allows(Action.PAINT_AGAIN, house.eve, house.eve, bobs)
        assert not house.allows(Action.PAINT_AGAIN, house.bob, elsewhere, bobs)
        assert not house.allows(Action.DELETE, house.ada, elsewhere, bobs)

    def test_a_private_chat_s_things_stay_there(self, house: House) -> None:
        assert not house.allows(Action.PAINT_AGAIN, house.ada, house.group, Subject(BOT, house.ada, house.ada))

    def test_nothing_of_another_bot_is_touched(self, house: House) -> None:
        theirs = Subject(OTHER_BOT, house.group, house.bob)

        assert not house.allows(Action.FOLLOW_UP, house.bob, house.group, theirs)
        assert not house.allows(Action.PAINT_AGAIN, house.bob, house.bob, theirs)

    def test_buttons_of_a_group_that_has_moved_still_work(self, house: House) -> None:
        house.moves.move(house.group, SUPERGROUP)
        moved = Subject(BOT, SUPERGROUP, house.bob)

        assert house.allows(Action.CANCEL, house.bob, house.group, moved)
        assert not house.allows(Action.CANCEL, house.bob, house.group - 1, moved)


class TestAdmins:
    def test_are_asked_for_once_a_minute(self, house: House) -> None:
        async def look_twice(admins: Admins) -> list[bool]:
            return [await admins.include(house.group, one) for one in (house.ada, house.bob)]

        assert house.with_admins(look_twice) == [True, False]
        assert len(house.looks()) == 1

    def test_of_a_chat_that_does_not_tell_are_none(self, house: House) -> None:
        assert not house.with_admins(lambda admins: admins.include(SUPERGROUP, house.ada))

    def test_a_chat_acts_for_itself(self, house: House) -> None:
        assert house.with_admins(lambda admins: admins.include(house.ada, house.ada))
        assert house.with_admins(lambda admins: admins.include(house.group, house.group))
        assert house.looks() == []
