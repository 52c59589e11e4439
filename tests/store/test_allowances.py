"""What somebody may ask for now: a guest as many pictures as a trial has, and as many questions."""

import itertools
from dataclasses import replace

import pytest

from shared.access import Profile, Role
from shared.errands import ErrandKind
from shared.errors import TrialOver
from shared.jobs import Address, Request, Sender
from shared.store.access import Roles
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errands import Errands
from tests.builders import BOT, UNCAPPED, submit, submit_and_fail

ADA = 7
TERMS = replace(UNCAPPED, guest_pictures=3)
_messages = itertools.count(1_000)


@pytest.fixture
def guest(database: Database) -> Roles:
    roles = Roles(database, BOT)
    roles.decide(Profile(ADA, "Ada"), Role.GUEST, by=None)
    return roles


def ask(database: Database, kind: ErrandKind = ErrandKind.DESCRIBE) -> None:
    address = Address(BOT, ADA, next(_messages))
    Errands(database, TERMS).submit(kind, {"text": "hello"}, address=address, sender=Sender(ADA))


def start_batch(database: Database, pictures: int) -> bool:
    batches, address = Batches(database, TERMS), Address(BOT, ADA, next(_messages))
    wanted = [Request("a fox")] * pictures
    batch, _ = batches.ask(wanted, address=address, sender=Sender(ADA), source="telegram")
    return batches.start(batch.id)


class TestAGuest:
    def test_may_ask_for_so_many_pictures_and_no_more(self, database: Database, guest: Roles) -> None:
        submit(database, user=ADA, count=2, policy=TERMS)
        with pytest.raises(TrialOver) as refusal:
            submit(database, user=ADA, count=2, policy=TERMS)
        submit(database, user=ADA, policy=TERMS)
        with pytest.raises(TrialOver):
            submit(database, user=ADA, policy=TERMS)

        assert refusal.value.values == {"n": 3}

    def test_is_told_the_same_of_the_same_message_twice(self, database: Database, guest: Roles) -> None:
        first = submit(database, user=ADA, count=3, message=1, policy=TERMS)

        assert submit(database, user=ADA, count=3, message=1, policy=TERMS).id == first.id

    def test_has_batches_counted_too(self, database: Database, guest: Roles) -> None:
        assert start_batch(database, 2)
        with pytest.raises(TrialOver):
            start_batch(database, 2)

        submit(database, user=ADA, policy=TERMS)
        with pytest.raises(TrialOver):
            submit(database, user=ADA, policy=TERMS)

    def test_does_not_have_counted_what_failed(self, database: Database, guest: Roles) -> None:
        submit_and_fail(database, user=ADA, count=1, policy=TERMS)

        submit(database, user=ADA, count=3, policy=TERMS)

    def test_may_ask_as_many_questions(self, database: Database, guest: Roles) -> None:
        for _ in range(TERMS.guest_pictures):
            ask(database)
        with pytest.raises(TrialOver):
            ask(database)

        ask(database, ErrandKind.CANCEL_ORDER)  # no question: what was ordered is cancelled
        submit(database, user=ADA, policy=TERMS)

    def test_begins_anew_when_the_role_is_given_again(self, database: Database, guest: Roles) -> None:
        submit(database, user=ADA, count=3, policy=TERMS)
        guest.decide(Profile(ADA, "Ada"), Role.BLOCKED, by=None)
        guest.decide(Profile(ADA, "Ada"), Role.GUEST, by=None)

        submit(database, user=ADA, count=3, policy=TERMS)

    def test_is_one_of_its_members_in_a_group_that_was_let_in(self, database: Database, guest: Roles) -> None:
        errands, address = Errands(database, TERMS), Address(BOT, -5, 1, private=False)
        for number in range(5):
            there = replace(address, message_id=number)
            errands.submit(ErrandKind.DESCRIBE, {"text": "hello"}, address=there, sender=Sender(ADA))


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.GUEST}))
def test_nobody_else_has_a_trial(database: Database, role: Role) -> None:
    Roles(database, BOT).decide(Profile(ADA, "Ada"), role, by=None)

    submit(database, user=ADA, count=9, policy=TERMS)
    assert start_batch(database, 9)
