"""Budgets: what people may have on the owner's keys, counted from what is under way and what was paid for."""

import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from shared.access import Profile, Role
from shared.budgets import Budgets, Period
from shared.errors import BudgetUsedUp
from shared.jobs import Address, Job, Request, Sender, Stage
from shared.queue_policy import QueuePolicy
from shared.redaction import HUGGINGFACE
from shared.store import tables
from shared.store.access import Roles
from shared.store.batches import Batches
from shared.store.budgets import Used, used_by
from shared.store.chat_migration import ChatMigration
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.keys import REFUSED, Keys
from shared.store.leases import MAX_LOSSES
from tests.builders import ALREADY_OVER, BOT, FOX_RECIPE, UNCAPPED, an_attempt, claim, submit_and_claim, turns_of

ADA, GROUP = 7, -100
NOW = datetime.now(UTC)
_messages = itertools.count(1_000)


def terms(**budgets: Any) -> QueuePolicy:
    return replace(UNCAPPED, budgets=Budgets(**budgets))


THREE_A_DAY = terms(pictures_a_day=3)


def ask(
    database: Database, count: int = 1, *, user: int = ADA, group: int | None = None, policy: QueuePolicy = THREE_A_DAY
) -> Job:
    address = Address(BOT, group or user, next(_messages), private=group is None)
    return Jobs(database, policy).submit(Request("a fox", count=count), address=address, sender=Sender(user))[0]


def left(database: Database, **asked: Any) -> int:
    """What somebody reads who asks for far too many."""
    with pytest.raises(BudgetUsedUp) as refused:
        ask(database, 1_000, **asked)
    return int(str(refused.value.values["left"]))


def end_paid(database: Database, job: Job, pictures: int = 1, *, owner_pays: bool = True) -> None:
    attempts = [an_attempt(pictures=pictures, owner_pays=owner_pays)]
    Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png", attempts=attempts)


def bring_key(database: Database, user: int = ADA) -> None:
    Keys(database).put(user, HUGGINGFACE, sealed="sealed", last_four="1234", bot_id=BOT, message_id=1, language="en")


def a_batch(database: Database, pictures: int, policy: QueuePolicy = THREE_A_DAY, *, source: str = "telegram") -> int:
    wanted, address = [Request("a fox")] * pictures, Address(BOT, ADA, next(_messages))
    batch, _ = Batches(database, policy).ask(wanted, address=address, sender=Sender(ADA), source=source)
    return batch.id


class TestPicturesOfADay:
    def test_what_does_not_fit_is_refused_as_a_whole(self, database: Database) -> None:
        ask(database, 2)

        with pytest.raises(BudgetUsedUp) as refused:
            ask(database, 2)

        assert refused.value.reason == "budget_day"
        assert refused.value.values == {"left": 1, "most": 3, "count": 2}
        assert 0 < refused.value.seconds <= 86_400
        ask(database, 1)
        assert left(database) == 0

    def test_the_same_message_again_is_no_second_request(self, database: Database) -> None:
        first = ask(database, 3)

        again, is_new = Jobs(database, THREE_A_DAY).submit(
            Request("a fox", count=3), address=first.address, sender=Sender(ADA)
        )

        assert (again.id, is_new) == (first.id, False)

    def test_others_have_their_own(self, database: Database) -> None:
        ask(database, 3)

        ask(database, 3, user=8)

    def test_groups_and_private_chats_count_together(self, database: Database) -> None:
        ask(database, 2, group=GROUP)

        assert left(database) == 1

    @pytest.mark.parametrize(
        "end",
        [
            lambda jobs, job: jobs.give_up(job, "no_credit", [an_attempt(owner_pays=True, outcome="no_credit")]),
            lambda jobs, job: jobs.cancel([job.id]),
            lambda jobs, job: jobs.give_up(job, "out_of_time"),
        ],
        ids=["failed", "cancelled", "late"],
    )
    def test_what_ends_unpaid_is_given_back(self, database: Database, end: Callable[[Jobs, Job], object]) -> None:
        job = submit_and_claim(database, policy=THREE_A_DAY)

        end(Jobs(database), job)

        assert left(database) == 3

    def test_what_dying_workers_take_along_is_given_back(self, database: Database) -> None:
        submit_and_claim(database, policy=THREE_A_DAY)
        for _ in range(MAX_LOSSES):
            with database.writing() as connection:
                connection.execute(update(tables.jobs).values(lease_until=NOW + ALREADY_OVER, not_before=None))
            turns_of(database).sweep(most_due=10)
            turns_of(database).claim_next("worker")

        assert left(database) == 3

    def test_every_picture_that_was_paid_for_counts_delivered_or_not(self, database: Database) -> None:
        end_paid(database, submit_and_claim(database, policy=THREE_A_DAY))
        black = submit_and_claim(database, policy=THREE_A_DAY)
        Jobs(database).give_up(black, "picture_refused", [an_attempt(pictures=1, owner_pays=True)])

        assert left(database) == 1

    def test_what_was_paid_after_it_was_cancelled_counts(self, database: Database) -> None:
        job = submit_and_claim(database, policy=THREE_A_DAY)
        Jobs(database).cancel([job.id])

        with pytest.raises(Exception, match=f"job {job.id}"):
            end_paid(database, job)

        assert left(database) == 2

    @pytest.mark.parametrize(("taken_back", "expected"), [(False, 2), (True, 3)])
    def test_an_order_counts_once_until_its_provider_says_that_it_failed(
        self, database: Database, taken_back: bool, expected: int
    ) -> None:
        jobs, job = Jobs(database), submit_and_claim(database, policy=THREE_A_DAY)
        ordered = [an_attempt(pictures=1, owner_pays=True, detail="ordered")]
        jobs.wait(
            job, seconds=-1, stage=Stage.PAINTING, reason="", failures=0, handle={"order": "abc"}, attempts=ordered
        )
        assert left(database) == 2

        jobs.give_up(claim(database), "no_credit", [an_attempt(pictures=-int(taken_back), owner_pays=True)])

        assert left(database) == expected

    def test_tomorrow_it_begins_anew(self, database: Database) -> None:
        end_paid(database, submit_and_claim(database, policy=THREE_A_DAY), 3)

        with database.writing() as connection:
            connection.execute(update(tables.attempts).values(at=Period.DAY.began(NOW) - timedelta(seconds=1)))

        assert left(database) == 3

    def test_without_a_limit_nothing_is_counted(self, database: Database) -> None:
        ask(database, 50, policy=terms())


def test_a_month_has_a_budget_of_its_own(database: Database) -> None:
    month = terms(pictures_a_month=2)
    end_paid(database, submit_and_claim(database, policy=month))
    with database.writing() as connection:
        connection.execute(update(tables.attempts).values(at=Period.MONTH.began(datetime.now(UTC))))

    with pytest.raises(BudgetUsedUp) as refused:
        ask(database, 2, policy=month)

    assert (refused.value.reason, refused.value.values["left"]) == ("budget_month", 1)


class TestWhoIsNotCounted:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
    def test_owners_and_admins(self, database: Database, role: Role) -> None:
        Roles(database, BOT).decide(Profile(ADA, "Ada"), role, by=None)

        ask(database, 50)

    def test_owners_by_the_settings(self, database: Database) -> None:
        ask(database, 50, policy=terms(pictures_a_day=3, unlimited=frozenset({ADA})))

    def test_a_batch_from_a_terminal(self, database: Database) -> None:
        assert Batches(database, THREE_A_DAY).start(a_batch(database, 50, source="terminal"))


class TestPeopleOnTheirOwnKeys:
    def test_use_up_nothing_of_the_owners(self, database: Database) -> None:
        bring_key(database)
        ask(database, 50)
        end_paid(database, claim(database), owner_pays=False)

        Keys(database).remove(ADA, HUGGINGFACE)

        assert left(database) == 3

    def test_stay_on_them_when_they_are_refused(self, database: Database) -> None:
        bring_key(database)
        Keys(database).settle(Keys(database).of(ADA)[HUGGINGFACE], REFUSED)

        assert not ask(database, 50).owner_pays


class TestGroups:
    SHARED = terms(pictures_in_group_a_day=3)

    def test_share_a_budget(self, database: Database) -> None:
        ask(database, 2, user=1, group=GROUP, policy=self.SHARED)

        with pytest.raises(BudgetUsedUp) as refused:
            ask(database, 2, user=2, group=GROUP, policy=self.SHARED)

        assert (refused.value.reason, refused.value.values["left"]) == ("budget_group", 1)
        ask(database, 2, user=2, group=GROUP - 1, policy=self.SHARED)
        ask(database, 2, user=2, policy=self.SHARED)

    def test_of_fifty_members_one_gets_the_last_picture(self, database: Database) -> None:
        ask(database, 2, user=99, group=GROUP, policy=self.SHARED)

        assert _race(lambda user: ask(database, user=user, group=GROUP, policy=self.SHARED)) == 1

    def test_what_was_paid_counts_for_the_group(self, database: Database) -> None:
        ask(database, user=1, group=GROUP, policy=self.SHARED)
        end_paid(database, claim(database))

        assert left(database, user=2, group=GROUP, policy=self.SHARED) == 2

    def test_keep_what_they_had_when_they_become_supergroups(self, database: Database) -> None:
        ask(database, 2, user=1, group=GROUP, policy=self.SHARED)
        end_paid(database, claim(database))

        ChatMigration(database, BOT).move(GROUP, -1_001)

        assert left(database, user=2, group=-1_001, policy=self.SHARED) == 1


def test_of_fifty_requests_of_one_person_one_gets_the_last_picture(database: Database) -> None:
    ask(database, 2)

    assert _race(lambda _: ask(database)) == 1


def _race(ask_once: Callable[[int], object]) -> int:
    """How many of fifty who ask at the same moment are taken in."""

    def is_taken(user: int) -> bool:
        try:
            ask_once(user)
        except BudgetUsedUp:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        return sum(pool.map(is_taken, range(1, 51)))


class TestBatches:
    def test_are_refused_before_they_start(self, database: Database) -> None:
        batch_id = a_batch(database, 4)

        with pytest.raises(BudgetUsedUp):
            Batches(database, THREE_A_DAY).start(batch_id)

        assert left(database) == 3

    def test_count_from_their_start_on_and_once(self, database: Database) -> None:
        batches, batch_id = Batches(database, THREE_A_DAY), a_batch(database, 3)

        assert batches.start(batch_id)
        assert left(database) == 0
        batches.fill(batch_id)

        assert left(database) == 0
        batches.cancel(batch_id)
        assert left(database) == 3

    def test_that_were_started_on_a_key_that_was_taken_away_stay_on_it(self, database: Database) -> None:
        bring_key(database)
        batches, batch_id = Batches(database, THREE_A_DAY), a_batch(database, 50)
        batches.start(batch_id)
        Keys(database).remove(ADA, HUGGINGFACE)

        batches.fill(batch_id)

        assert not claim(database).owner_pays

    def test_are_tried_again_only_as_far_as_they_fit(self, database: Database) -> None:
        batches, batch_id = Batches(database, THREE_A_DAY), a_batch(database, 3)
        batches.start(batch_id)
        batches.fill(batch_id)
        for _ in range(3):
            Jobs(database).give_up(claim(database), "no_credit")
        batches.finish(batch_id)
        ask(database)

        with pytest.raises(BudgetUsedUp) as refused:
            batches.retry_failed(batch_id)

        assert refused.value.values["left"] == 2


INDEXES = {"ix_attempts_paid", "ix_jobs_reserved", "ix_batches_unwritten"}


def test_the_sums_are_read_from_indexes(database: Database) -> None:
    asked: list[tuple[str, Any]] = []
    with database.writing() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda _, __, words, values, *___: asked.append((words, values))
        )
        assert used_by(connection, ADA, NOW) == Used()
    [(words, values)] = asked
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plan = str(connection.exec_driver_sql(f"{explain} {words}", values).all())

    assert INDEXES & set(re.findall(r"\bix_\w+", plan)) == INDEXES


def test_the_record_tells_whose_key_paid(database: Database) -> None:
    end_paid(database, submit_and_claim(database, policy=THREE_A_DAY))
    bring_key(database)
    end_paid(database, submit_and_claim(database, policy=THREE_A_DAY), owner_pays=False)

    with database.reading() as connection:
        assert connection.scalars(select(tables.attempts.c.user_id)).all() == [ADA, None]
