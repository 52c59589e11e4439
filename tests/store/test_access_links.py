"""Links that let people in: once, in time, and no more people than they say."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared.access import Profile, Role
from shared.store import tables
from shared.store.access import Roles
from shared.store.access_links import CLAIM_LASTS, AccessLinks, LinkKind
from shared.store.database import Database

BOT, ADA, BOB = 42, 101, 102
A_DAY = timedelta(days=1)


@pytest.fixture
def roles(database: Database) -> Roles:
    return Roles(database, BOT)


@pytest.fixture
def links(database: Database, roles: Roles) -> AccessLinks:
    return AccessLinks(database, BOT, roles)


def open_link(links: AccessLinks, kind: LinkKind, code: str, who: int = ADA) -> bool:
    return links.redeem(kind, code, Profile(who, "Somebody")) is not None


def let_pass(database: Database, time: timedelta) -> None:
    with database.writing() as connection:
        for row in connection.execute(select(tables.access_links)).all():
            its_own = tables.access_links.c.digest == row.digest
            connection.execute(update(tables.access_links).where(its_own).values(expires_at=row.expires_at - time))


def all_at_once(people: int, act: Callable[[int], bool]) -> list[int]:
    """Let so many people do something at the same moment; returns those for whom it did something."""
    with ThreadPoolExecutor(people) as pool:
        done = list(pool.map(act, range(1, people + 1)))
    return [number for number, did in enumerate(done, 1) if did]


class TestTheClaim:
    def test_makes_one_owner(self, links: AccessLinks, roles: Roles) -> None:
        code = links.claim()
        assert code is not None

        assert open_link(links, LinkKind.CLAIM, code, ADA)
        assert not open_link(links, LinkKind.CLAIM, code, BOB)

        assert (roles.one(ADA).role, roles.one(BOB).role) == (Role.OWNER, Role.STRANGER)
        assert links.claim() is None

    def test_makes_one_owner_also_of_many_at_once(self, links: AccessLinks, roles: Roles) -> None:
        code = links.claim()
        assert code is not None

        [owner] = all_at_once(8, lambda who: open_link(links, LinkKind.CLAIM, code, who))

        assert [one.id for one in roles.managers()] == [owner]

    def test_is_over_after_ten_minutes_and_when_there_is_a_newer_one(
        self, links: AccessLinks, database: Database
    ) -> None:
        first, second = links.claim(), links.claim()
        assert first is not None
        assert second is not None

        assert not open_link(links, LinkKind.CLAIM, first)
        let_pass(database, CLAIM_LASTS)
        assert not open_link(links, LinkKind.CLAIM, second)

    def test_is_not_there_where_the_settings_name_an_owner(self, database: Database) -> None:
        links = AccessLinks(database, BOT, Roles(database, BOT, owners=[ADA]))

        assert links.claim() is None

    def test_does_not_make_somebody_blocked_an_owner(self, links: AccessLinks, roles: Roles) -> None:
        roles.decide(Profile(ADA, "Ada"), Role.BLOCKED, by=None)
        code = links.claim()
        assert code is not None

        assert not open_link(links, LinkKind.CLAIM, code)

    @pytest.mark.parametrize("wrong", ["", "a" * 22, "ä" * 22])
    def test_has_one_code(self, links: AccessLinks, wrong: str) -> None:
        links.claim()

        assert not open_link(links, LinkKind.CLAIM, wrong)

    def test_is_for_one_bot(self, links: AccessLinks, database: Database) -> None:
        code = links.claim()
        assert code is not None

        assert not open_link(AccessLinks(database, BOT + 1, Roles(database, BOT + 1)), LinkKind.CLAIM, code)


class TestAnInvitation:
    def test_lets_in_as_many_as_it_says_also_of_many_at_once(self, links: AccessLinks, roles: Roles) -> None:
        code = links.invite(uses=3, lasts=A_DAY, by=ADA)

        let_in = all_at_once(12, lambda who: open_link(links, LinkKind.INVITE, code, who))

        assert len(let_in) == 3
        assert {roles.one(who).role for who in let_in} == {Role.MEMBER}

    def test_is_over_when_its_time_is(self, links: AccessLinks, database: Database) -> None:
        code = links.invite(uses=3, lasts=A_DAY, by=ADA)
        let_pass(database, A_DAY)

        assert not open_link(links, LinkKind.INVITE, code)

    @pytest.mark.parametrize("role", Role)
    def test_is_used_up_by_those_alone_to_whom_it_gives_something(
        self, links: AccessLinks, roles: Roles, role: Role
    ) -> None:
        roles.decide(Profile(ADA, "Ada"), role, by=None)
        code = links.invite(uses=1, lasts=A_DAY, by=None)

        used = open_link(links, LinkKind.INVITE, code, ADA)

        assert used is (role in {Role.STRANGER, Role.GUEST})
        assert roles.one(ADA).role is (Role.MEMBER if used else role)
        assert open_link(links, LinkKind.INVITE, code, BOB) is not used

    def test_makes_no_owner(self, links: AccessLinks) -> None:
        code = links.invite(uses=1, lasts=A_DAY, by=None)

        assert not open_link(links, LinkKind.CLAIM, code)


def test_no_code_is_kept_as_it_is(links: AccessLinks, database: Database) -> None:
    codes = [links.claim(), links.invite(uses=1, lasts=A_DAY, by=None)]

    with database.reading() as connection:
        kept = str(connection.execute(select(tables.access_links)).all())

    assert [code for code in codes if code is None or code in kept] == []
