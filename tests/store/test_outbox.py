"""The outbox: what ended and has not reached its chat yet."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from builders import (
    BOT,
    claim,
    submit,
    submit_and_claim,
    submit_and_fail,
    submit_and_finish,
    while_somebody_writes,
)
from sqlalchemy import select, update

from shared.jobs import Address, Request, Sender
from shared.store import tables
from shared.store.database import Database
from shared.store.deliveries import LEASE
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def ids(outbox: Outbox, *, most: int = 100) -> list[int]:
    return [job.id for job in outbox.claim(BOT, most=most)]


def let_leases_run_out(database: Database) -> None:
    """Whoever holds a delivery falls silent for as long as a lease lasts."""
    with database.writing() as connection:
        connection.execute(update(tables.jobs).values(delivery_lease_until=datetime.now(UTC) - timedelta(seconds=1)))


class TestClaim:
    def test_what_finished_and_what_failed_is_to_be_delivered_oldest_first(
        self, database: Database, outbox: Outbox
    ) -> None:
        ended = [submit_and_finish(database).id, submit_and_fail(database).id, submit_and_finish(database).id]

        assert ids(outbox) == ended

    def test_what_is_under_way_is_not(self, database: Database, outbox: Outbox) -> None:
        submit_and_claim(database)
        submit(database)

        assert ids(outbox) == []

    def test_to_find_nothing_nobody_has_to_wait_for_those_who_write(self, sqlite: Database) -> None:
        submit_and_claim(sqlite)

        assert while_somebody_writes(sqlite, lambda: ids(Outbox(sqlite))) == []

    def test_every_bot_delivers_its_own(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database, bot=43)
        mine = submit_and_finish(database, bot=BOT)

        assert ids(outbox) == [mine.id]

    def test_no_more_than_asked_for_are_taken(self, database: Database, outbox: Outbox) -> None:
        ended = [submit_and_finish(database).id for _ in range(3)]

        assert ids(outbox, most=2) == ended[:2]
        assert ids(outbox, most=2) == ended[2:]

    def test_a_claim_is_a_lease(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)

        assert ids(outbox) == [job.id]
        assert ids(outbox) == []
        with database.reading() as connection:
            until = connection.scalar(select(tables.jobs.c.delivery_lease_until))
        assert until is not None
        assert timedelta(0) < until - datetime.now(UTC) <= LEASE

    def test_a_delivery_whose_process_fell_silent_comes_again(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, most=1)

        let_leases_run_out(database)

        assert ids(outbox) == [job.id]

    def test_tries_are_counted(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        tries = []
        for _ in range(3):
            tries += [job.delivery_tries for job in outbox.claim(BOT, most=1)]
            let_leases_run_out(database)

        assert tries == [1, 2, 3]

    def test_many_threads_never_get_the_same_delivery(self, database: Database, outbox: Outbox) -> None:
        ended = [submit_and_finish(database).id for _ in range(40)]
        barrier = threading.Barrier(6)

        def deliver(_: int) -> list[int]:
            barrier.wait()
            mine: list[int] = []
            while some := ids(outbox, most=3):
                mine += some
            return mine

        with ThreadPoolExecutor(6) as pool:
            claimed = [job_id for mine in pool.map(deliver, range(6)) for job_id in mine]

        assert sorted(claimed) == ended


class TestWhatBecameOfIt:
    def test_the_first_time_nobody_can_have_sent_it(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)

        (job,) = outbox.claim(BOT, most=1)

        assert job.sending_before is None

    def test_after_a_crash_it_may_have_been_sent(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        outbox.claim(BOT, most=1)
        let_leases_run_out(database)

        (job,) = outbox.claim(BOT, most=1)

        assert job.sending_before is not None

    def test_what_telegram_may_have_taken_comes_again_as_such(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, most=1)

        outbox.unsure(job.id, retry_after_s=0)

        (job,) = outbox.claim(BOT, most=1)
        assert job.sending_before is not None

    def test_what_telegram_did_not_take_comes_again_as_if_for_the_first_time(
        self, database: Database, outbox: Outbox
    ) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, most=1)

        outbox.not_sent(job.id, retry_after_s=0)

        (job,) = outbox.claim(BOT, most=1)
        assert job.sending_before is None

    @pytest.mark.parametrize("became", ["unsure", "not_sent"])
    def test_it_comes_again_no_sooner_than_asked(self, database: Database, outbox: Outbox, became: str) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, most=1)

        getattr(outbox, became)(job.id, retry_after_s=60)

        assert ids(outbox) == []

    def test_what_was_delivered_never_comes_again(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, most=1)

        outbox.delivered(job.id, message_id=500, file_id="AgAC")

        let_leases_run_out(database)
        assert ids(outbox) == []
        with database.reading() as connection:
            row = connection.execute(select(tables.jobs)).one()
        assert (row.delivered_message_id, row.file_id) == (500, "AgAC")
        assert row.delivered_at is not None

    def test_where_nobody_can_be_reached_the_matter_is_closed(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, most=1)

        outbox.delivered(job.id, message_id=None)

        let_leases_run_out(database)
        assert ids(outbox) == []


class TestTakingOver:
    def test_deliveries_of_a_dead_predecessor_are_free_at_once(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, most=1)

        outbox.release_all(BOT)

        (again,) = outbox.claim(BOT, most=1)
        assert again.id == job.id
        assert again.sending_before is not None

    def test_other_bots_deliveries_are_left_alone(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        outbox.claim(BOT, most=1)

        outbox.release_all(BOT + 1)

        assert ids(outbox) == []


class TestSeveralPictures:
    def test_they_are_delivered_together_when_the_last_has_ended(self, database: Database) -> None:
        outbox = Outbox(database)
        Jobs(database).submit(Request("foxes", count=2), address=Address(BOT, 1, 1), sender=Sender(1))
        Jobs(database).give_up(claim(database), "no_credit")

        early = outbox.claim(BOT, most=10)
        Jobs(database).give_up(claim(database), "no_credit")
        late = outbox.claim(BOT, most=10)

        assert early == []
        assert [(job.number, job.request.count) for job in late] == [(0, 2)]
