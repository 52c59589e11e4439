"""Who is what to a bot: in the record and by the settings."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.access import Known, Profile, Role
from shared.errors import LastOwner, OwnerBySettings
from shared.store import access, tables
from shared.store.access import Roles
from shared.store.chat_migration import ChatMigration
from shared.store.database import Database

BOT, ADA, BOB, CAROL, GROUP = 42, 101, 102, 103, -5_001
A_DAY = timedelta(days=1)


@pytest.fixture
def roles(database: Database) -> Roles:
    return Roles(database, BOT)


def profile(its_id: int, name: str = "Somebody") -> Profile:
    return Profile(its_id, name)


def let_pass(database: Database, its_id: int, time: timedelta) -> None:
    """Put all that a row tells of into the past."""
    columns = tables.access.c
    with database.writing() as connection:
        row = connection.execute(tables.access.select().where(columns.id == its_id)).one()
        names = ("told_at", "asked_at", "decided_at", "leave_at")
        earlier = {name: value - time if (value := getattr(row, name)) else None for name in names}
        connection.execute(update(tables.access).where(columns.id == its_id).values(earlier))


class TestARole:
    def test_of_somebody_unknown_is_a_strangers(self, roles: Roles) -> None:
        assert roles.one(ADA).role is Role.STRANGER
        assert roles.look([ADA]) == {}

    def test_holds_for_one_bot(self, roles: Roles, database: Database) -> None:
        roles.decide(profile(ADA), Role.MEMBER, by=None)

        assert roles.one(ADA).role is Role.MEMBER
        assert Roles(database, BOT + 1).one(ADA).role is Role.STRANGER

    def test_stays_when_telegram_tells_another_name(self, roles: Roles) -> None:
        roles.decide(profile(ADA, "Ada"), Role.ADMIN, by=BOB)

        roles.note(Profile(ADA, "Ada L.", "ada", "de"))

        known = roles.one(ADA)
        assert (known.role, known.profile, known.decided_by) == (Role.ADMIN, Profile(ADA, "Ada L.", "ada", "de"), BOB)

    def test_is_given_once(self, roles: Roles) -> None:
        assert roles.decide(profile(ADA), Role.MEMBER, by=BOB) is not None
        assert roles.decide(profile(ADA), Role.MEMBER, by=BOB) is None

    def test_of_an_owner_by_the_settings_is_not_changed_by_the_record(self, database: Database) -> None:
        roles = Roles(database, BOT, owners=[ADA])

        with pytest.raises(OwnerBySettings):
            roles.decide(profile(ADA), Role.BLOCKED, by=BOB)

        assert roles.one(ADA).role is Role.OWNER
        assert roles.has_owner()

    def test_of_the_last_owner_stays(self, roles: Roles) -> None:
        roles.decide(profile(ADA), Role.OWNER, by=None)
        with pytest.raises(LastOwner):
            roles.decide(profile(ADA), Role.MEMBER, by=ADA)

        roles.decide(profile(BOB), Role.OWNER, by=ADA)
        roles.decide(profile(ADA), Role.MEMBER, by=BOB)

        assert [one.id for one in roles.managers()] == [BOB]

    def test_goes_along_when_a_group_becomes_a_supergroup(self, roles: Roles, database: Database) -> None:
        roles.decide(profile(GROUP), Role.MEMBER, by=None)
        roles.note(profile(-100_5001))  # somebody spoke there before the move was heard of

        ChatMigration(database, BOT).move(GROUP, -100_5001)

        assert roles.one(-100_5001).role is Role.MEMBER
        assert roles.one(GROUP).role is Role.STRANGER

    def test_of_a_supergroup_that_was_decided_stays_when_a_group_becomes_it(
        self, roles: Roles, database: Database
    ) -> None:
        roles.decide(profile(GROUP), Role.MEMBER, by=None)
        roles.decide(profile(-100_5001), Role.BLOCKED, by=None)

        ChatMigration(database, BOT).move(GROUP, -100_5001)

        assert roles.one(-100_5001).role is Role.BLOCKED


class TestTelling:
    def test_is_for_one_of_several_at_once_and_again_when_the_time_has_passed(
        self, roles: Roles, database: Database
    ) -> None:
        roles.note(profile(ADA))

        assert [roles.may_tell(ADA, again_after=A_DAY) for _ in range(3)] == [True, False, False]
        let_pass(database, ADA, A_DAY)
        assert roles.may_tell(ADA, again_after=A_DAY)

    def test_can_be_once_for_ever(self, roles: Roles, database: Database) -> None:
        roles.note(profile(ADA))

        assert roles.may_tell(ADA, again_after=None)
        let_pass(database, ADA, 1_000 * A_DAY)
        assert not roles.may_tell(ADA, again_after=None)


class TestAsking:
    def ask(self, roles: Roles, its_id: int = ADA) -> bool:
        roles.note(profile(its_id))
        if may := roles.may_ask(its_id):
            roles.asked(its_id, [(BOB, 7)])
        return may

    def test_is_once(self, roles: Roles, database: Database) -> None:
        assert [self.ask(roles), self.ask(roles)] == [True, False]
        let_pass(database, ADA, 100 * A_DAY)
        assert not self.ask(roles)
        assert roles.one(ADA).is_waiting

    def test_comes_again_later_when_it_reached_nobody(self, roles: Roles, database: Database) -> None:
        roles.note(profile(ADA))
        assert roles.may_ask(ADA)
        assert roles.asked(ADA, []).is_waiting

        assert not roles.may_ask(ADA)
        let_pass(database, ADA, access.ASKING_LASTS)
        assert roles.may_ask(ADA)

    def test_comes_again_where_the_process_died_over_it(self, roles: Roles, database: Database) -> None:
        roles.note(profile(ADA))
        assert roles.may_ask(ADA)

        assert not roles.may_ask(ADA)
        let_pass(database, ADA, access.ASKING_LASTS)
        assert roles.may_ask(ADA)

    def test_of_somebody_denied_comes_again_after_a_week(self, roles: Roles, database: Database) -> None:
        self.ask(roles)
        roles.decide(profile(ADA), Role.STRANGER, by=BOB)
        assert roles.one(ADA).is_denied

        assert not self.ask(roles)
        let_pass(database, ADA, access.ASKED_AGAIN_AFTER)
        assert self.ask(roles)

    @pytest.mark.parametrize("role", [Role.BLOCKED, Role.MEMBER])
    def test_is_not_about_those_who_were_decided_upon(self, roles: Roles, role: Role) -> None:
        roles.decide(profile(ADA), role, by=BOB)

        assert not self.ask(roles)

    def test_is_bounded_in_an_hour(self, roles: Roles, database: Database) -> None:
        asked = [self.ask(roles, 1_000 + number) for number in range(access.MAX_ASKED + 3)]
        assert asked.count(True) == access.MAX_ASKED

        let_pass(database, 1_000, timedelta(hours=1))
        assert self.ask(roles, 9_999)

    def test_is_decided_by_the_first(self, roles: Roles) -> None:
        self.ask(roles)

        first = roles.decide(profile(ADA), Role.MEMBER, by=BOB, only_waiting=True)
        second = roles.decide(profile(ADA), Role.BLOCKED, by=CAROL, only_waiting=True)

        assert first is not None
        assert first.cards == ((BOB, 7),)
        assert second is None
        assert roles.one(ADA).role is Role.MEMBER

    def test_that_was_decided_meanwhile_keeps_no_cards(self, roles: Roles) -> None:
        roles.note(profile(ADA))
        roles.may_ask(ADA)
        roles.decide(profile(ADA), Role.MEMBER, by=BOB)

        assert roles.asked(ADA, [(BOB, 7)]).role is Role.MEMBER
        assert roles.one(ADA).cards == ()


class TestLeavingAGroup:
    def due(self, roles: Roles) -> list[int]:
        return [one.id for one in roles.due_to_leave()]

    def test_is_due_when_its_time_has_come_for_one_process_at_a_time(self, roles: Roles, database: Database) -> None:
        roles.note(profile(GROUP))
        roles.leave_later(GROUP)
        assert self.due(roles) == []

        let_pass(database, GROUP, access.LEAVE_AFTER)

        assert [self.due(roles), self.due(roles)] == [[GROUP], []]
        let_pass(database, GROUP, access.LEAVING_LASTS)
        assert self.due(roles) == [GROUP]
        roles.left(GROUP)
        let_pass(database, GROUP, access.LEAVING_LASTS)
        assert self.due(roles) == []

    def test_is_not_put_off_by_asking_again(self, roles: Roles, database: Database) -> None:
        roles.note(profile(GROUP))
        roles.leave_later(GROUP)
        let_pass(database, GROUP, access.LEAVE_AFTER)

        roles.leave_later(GROUP)

        assert self.due(roles) == [GROUP]

    def test_is_off_when_somebody_decides_for_it(self, roles: Roles, database: Database) -> None:
        roles.note(profile(GROUP))
        roles.leave_later(GROUP)
        let_pass(database, GROUP, access.LEAVE_AFTER)

        roles.decide(profile(GROUP), Role.MEMBER, by=ADA)

        assert self.due(roles) == []


class TestForgetting:
    def test_is_of_strangers_of_whom_nothing_was_heard_for_long(self, roles: Roles, database: Database) -> None:
        for its_id in (ADA, BOB, CAROL, 9, GROUP):
            roles.note(profile(its_id))
        roles.may_ask(BOB)
        roles.decide(profile(BOB), Role.STRANGER, by=None)  # denied
        assert roles.may_ask(CAROL)
        roles.may_tell(9, again_after=A_DAY)
        roles.leave_later(GROUP)
        with database.writing() as connection:
            long_ago = datetime.now(UTC) - access.STRANGERS_KEPT
            connection.execute(update(tables.access).values(noted_at=long_ago))

        assert roles.forget_strangers() == 1
        assert roles.look([ADA, BOB, CAROL, 9, GROUP]).keys() == {BOB, CAROL, 9, GROUP}


class TestThePage:
    @pytest.fixture
    def people(self, roles: Roles) -> list[Known]:
        for its_id, name, role in [
            (5, "Eve", Role.BLOCKED), (4, "Dan_%", Role.MEMBER), (ADA, "Ada", Role.OWNER), (-9, "A group", Role.MEMBER)
        ]:  # fmt: skip
            roles.decide(profile(its_id, name), role, by=None)
        roles.note(Profile(7, "Grace", "amazing"))
        roles.note(profile(8, "Waiting"))
        roles.may_ask(8)
        return roles.page()[0]

    def test_begins_with_owners_and_then_who_waits(self, people: list[Known]) -> None:
        assert [one.id for one in people] == [ADA, 8, -9, 4, 7, 5]

    @pytest.mark.parametrize(
        ("search", "found"),
        [("AD", [ADA]), ("@amaz", [7]), ("10", [ADA]), ("_%", [4]), ("nobody", []), (" ", [ADA, 8, -9, 4, 7, 5])],
    )
    def test_is_found_by_name_and_id(self, roles: Roles, people: list[Known], search: str, found: list[int]) -> None:
        page, count = roles.page(search)

        assert ([one.id for one in page], count) == (found, len(found))

    def test_shows_a_part(self, roles: Roles, people: list[Known]) -> None:
        page, count = roles.page(first=4, limit=2)

        assert ([one.id for one in page], count) == ([7, 5], 6)

    def test_knows_who_had_a_name_last(self, roles: Roles) -> None:
        roles.note(Profile(1, "Old", "name"))
        roles.note(Profile(2, "New", "Name"))

        found = roles.named("@NAME")

        assert found is not None
        assert found.id == 2
        assert roles.named("@other") is None


def test_what_telegram_tells_may_be_long(roles: Roles) -> None:
    roles.note(Profile(ADA, "x" * 500, "y" * 500))

    assert len(roles.one(ADA).profile.name) == access.MAX_NAME
