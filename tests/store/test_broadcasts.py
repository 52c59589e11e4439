"""A message to all: who gets it, once each, whatever happens to the process that sends it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.access import Mode, Profile, Role
from shared.store import tables
from shared.store.access import Roles
from shared.store.broadcasts import SENDING_LASTS, Broadcasts, BroadcastState, Receipt
from shared.store.database import Database
from tests.builders import BOT

ADA, BOB, CAROL, EVE = 7, 8, 9, 10


@pytest.fixture
def broadcasts(database: Database) -> Broadcasts:
    roles = Roles(database, BOT)
    for person, role in ((ADA, Role.OWNER), (BOB, Role.MEMBER), (CAROL, Role.GUEST), (-5, Role.MEMBER)):
        roles.decide(Profile(person, str(person)), role, by=None)
    roles.note(Profile(EVE, "Eve"))
    Roles(database, BOT + 1).decide(Profile(11, "of another bot"), Role.MEMBER, by=None)
    return Broadcasts(database, BOT, Mode.REQUEST)


def started(broadcasts: Broadcasts) -> int:
    asked = broadcasts.ask("hello", by=ADA)
    assert broadcasts.start(asked.id, message=(ADA, 3))
    return asked.id


def test_all_get_it_who_were_let_in(broadcasts: Broadcasts) -> None:
    asked = broadcasts.ask("hello", by=ADA)
    assert (asked.people, asked.state, broadcasts.running()) == (3, BroadcastState.ASKED, None)

    assert broadcasts.start(asked.id, message=(ADA, 3))
    assert not broadcasts.start(asked.id)

    assert broadcasts.claim(asked.id, limit=10) == [ADA, BOB, CAROL]
    now = broadcasts.running()
    assert now is not None
    assert (now.text, now.message, now.people) == ("hello", (ADA, 3), 3)


def test_of_an_open_bot_all_get_it_but_the_blocked(broadcasts: Broadcasts, database: Database) -> None:
    Roles(database, BOT).decide(Profile(BOB, "Bob"), Role.BLOCKED, by=None)

    assert Broadcasts(database, BOT, Mode.OPEN).ask("hello", by=None).people == 3
    assert Broadcasts(database, BOT, Mode.REQUEST, (99, ADA)).ask("hello", by=None).people == 2


def test_nobody_gets_it_twice_from_several_processes(broadcasts: Broadcasts) -> None:
    number = started(broadcasts)

    with ThreadPoolExecutor(4) as pool:
        claimed = [one for some in pool.map(lambda _: broadcasts.claim(number, limit=1), range(8)) for one in some]

    assert sorted(claimed) == [ADA, BOB, CAROL]


def test_what_became_of_it_is_counted_until_nobody_is_left(broadcasts: Broadcasts) -> None:
    number = started(broadcasts)
    broadcasts.claim(number, limit=2)
    broadcasts.note(number, ADA, Receipt.SENT)
    broadcasts.note(number, BOB, Receipt.WAITING)
    assert not broadcasts.finish(number)
    assert broadcasts.claim(number, limit=10) == [CAROL, BOB]  # who was put back comes last
    broadcasts.note(number, BOB, Receipt.UNREACHABLE)
    broadcasts.note(number, CAROL, Receipt.SENT)

    assert broadcasts.finish(number)
    assert broadcasts.progress(number).counts == {Receipt.SENT: 2, Receipt.UNREACHABLE: 1}
    assert broadcasts.running() is None


def test_who_was_being_sent_to_when_a_process_died_gets_it_at_most_once(
    broadcasts: Broadcasts, database: Database
) -> None:
    number = started(broadcasts)
    broadcasts.claim(number, limit=2)
    assert broadcasts.claim(number, limit=1) == [CAROL]

    long_ago = datetime.now(UTC) - SENDING_LASTS - timedelta(seconds=1)
    with database.writing() as connection:
        connection.execute(update(tables.broadcast_receivers).values(since=long_ago))

    assert broadcasts.claim(number, limit=10) == []
    assert broadcasts.finish(number)
    assert broadcasts.progress(number).counts == {Receipt.UNSURE: 3}


def test_what_is_stopped_goes_to_nobody_else(broadcasts: Broadcasts) -> None:
    number = started(broadcasts)
    broadcasts.claim(number, limit=1)

    assert broadcasts.stop(number)

    assert broadcasts.claim(number, limit=10) == []
    assert not broadcasts.stop(number)
    assert not broadcasts.finish(number)
    assert [one.state for one in broadcasts.newest()] == [BroadcastState.STOPPED]
