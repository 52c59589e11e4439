"""The outbox: what ended and has not reached its chat yet."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from shared.clock import present
from shared.errands import ErrandKind
from shared.jobs import Address, Request, Sender
from shared.store import tables
from shared.store.database import Database
from shared.store.deliveries import LEASE
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.builders import (
    BOT,
    claim,
    claim_errand,
    submit,
    submit_and_claim,
    submit_and_fail,
    submit_and_finish,
    while_somebody_writes,
)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def ids(outbox: Outbox, *, limit: int = 100) -> list[int]:
    return [job.id for job in outbox.claim(BOT, limit=limit)]


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

        assert ids(outbox, limit=2) == ended[:2]
        assert ids(outbox, limit=2) == ended[2:]

    def test_a_claim_is_a_lease(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)

        assert ids(outbox) == [job.id]
        assert ids(outbox) == []
        with database.reading() as connection:
            until = connection.scalar(select(tables.jobs.c.delivery_lease_until))
        assert until is not None
        assert timedelta(0) < until - present() <= LEASE

    def test_a_delivery_whose_process_fell_silent_comes_again(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)

        let_leases_run_out(database)

        assert ids(outbox) == [job.id]

    def test_tries_are_counted(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        tries = []
        for _ in range(3):
            tries += [job.delivery_tries for job in outbox.claim(BOT, limit=1)]
            let_leases_run_out(database)

        assert tries == [1, 2, 3]

    def test_many_threads_never_get_the_same_delivery(self, database: Database, outbox: Outbox) -> None:
        ended = [submit_and_finish(database).id for _ in range(40)]
        barrier = threading.Barrier(6)

        def deliver(_: int) -> list[int]:
            barrier.wait()
            mine: list[int] = []
            while some := ids(outbox, limit=3):
                mine += some
            return mine

        with ThreadPoolExecutor(6) as pool:
            claimed = [job_id for mine in pool.map(deliver, range(6)) for job_id in mine]

        assert sorted(claimed) == ended


class TestWhatBecameOfIt:
    def test_the_first_time_nobody_can_have_sent_it(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)

        (job,) = outbox.claim(BOT, limit=1)

        assert job.sending_before is None

    def test_after_a_crash_it_may_have_been_sent(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        outbox.claim(BOT, limit=1)
        let_leases_run_out(database)

        (job,) = outbox.claim(BOT, limit=1)

        assert job.sending_before is not None

    def test_what_telegram_may_have_taken_comes_again_as_such(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)

        outbox.unsure(job.id, retry_after_s=0)

        (job,) = outbox.claim(BOT, limit=1)
        assert job.sending_before is not None

    def test_what_telegram_did_not_take_comes_again_as_if_for_the_first_time(
        self, database: Database, outbox: Outbox
    ) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)

        outbox.not_sent(job.id, retry_after_s=0)

        (job,) = outbox.claim(BOT, limit=1)
        assert job.sending_before is None

    @pytest.mark.parametrize("became", ["unsure", "not_sent"])
    def test_it_comes_again_no_sooner_than_asked(self, database: Database, outbox: Outbox, became: str) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)

        getattr(outbox, became)(job.id, retry_after_s=60)

        assert ids(outbox) == []

    def test_what_was_delivered_never_comes_again(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)

        outbox.delivered(job.id, message_id=500, file_id="AgAC")

        let_leases_run_out(database)
        assert ids(outbox) == []
        with database.reading() as connection:
            row = connection.execute(select(tables.jobs)).one()
        assert (row.delivered_message_id, row.file_id) == (500, "AgAC")
        assert row.delivered_at is not None

    def test_where_nobody_can_be_reached_the_matter_is_closed(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)

        outbox.delivered(job.id, message_id=None)

        let_leases_run_out(database)
        assert ids(outbox) == []


class TestTakingOver:
    def test_deliveries_of_a_dead_predecessor_are_free_at_once(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)

        outbox.release_all(BOT)

        (again,) = outbox.claim(BOT, limit=1)
        assert again.id == job.id
        assert again.sending_before is not None

    def test_other_bots_deliveries_are_left_alone(self, database: Database, outbox: Outbox) -> None:
        submit_and_finish(database)
        outbox.claim(BOT, limit=1)

        outbox.release_all(BOT + 1)

        assert ids(outbox) == []


class TestSeveralPictures:
    def test_they_are_delivered_together_when_the_last_has_ended(self, database: Database) -> None:
        outbox = Outbox(database)
        Jobs(database).submit(Request("foxes", count=2), address=Address(BOT, 1, 1), sender=Sender(1))
        Jobs(database).give_up(claim(database), "no_credit")

        early = outbox.claim(BOT, limit=10)
        Jobs(database).give_up(claim(database), "no_credit")
        late = outbox.claim(BOT, limit=10)

        assert early == []
        assert [(job.number, job.request.count) for job in late] == [(0, 2)]


def row_of(database: Database, job_id: int) -> Row[Any]:
    with database.reading() as connection:
        return connection.execute(select(tables.jobs).where(tables.jobs.c.id == job_id)).one()


class TestAnAlbumThatArrived:
    def test_is_remembered_before_its_delivery_ends(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)

        outbox.arrived(job, {job.id: (17, "file")})
        outbox.not_sent(job.id, retry_after_s=-1)
        [again] = outbox.claim(BOT, limit=1)

        assert (again.delivered_message_id, again.file_id, again.sending_before) == (17, "file", None)

    def test_is_not_forgotten_at_its_end(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.arrived(job, {job.id: (17, "file")})

        outbox.delivered(job.id, message_id=None)

        assert row_of(database, job.id).delivered_message_id == 17


class TestGivingUp:
    def test_is_recorded_and_leaves_the_end_to_be_said(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)

        outbox.give_up(job, "photos_forbidden")
        let_leases_run_out(database)
        [again] = outbox.claim(BOT, limit=1)

        assert (again.undelivered_reason, again.delivery_tries, again.sending_before) == ("photos_forbidden", 1, None)

    def test_leaves_pictures_alone_that_have_arrived(self, database: Database, outbox: Outbox) -> None:
        first = submit(database, count=2)
        second = Jobs(database).siblings(first)[1]
        outbox.arrived(first, {first.id: (17, "file")})

        outbox.give_up(first, "too_large")

        reasons = [row_of(database, job.id).undelivered_reason for job in (first, second)]
        assert reasons == [None, "too_large"]

    def test_can_be_taken_back_once(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.give_up(job, "photos_forbidden")
        outbox.delivered(job.id, message_id=None)
        assert ids(outbox) == []

        assert [outbox.send_again(job), outbox.send_again(job)] == [True, False]

        assert ids(outbox) == [job.id]


class TestADeliveryThatTakesLong:
    def test_keeps_its_lease(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)
        let_leases_run_out(database)

        outbox.renew([job.id])

        assert ids(outbox) == []

    def test_does_not_take_back_what_was_put_back(self, database: Database, outbox: Outbox) -> None:
        job = submit_and_finish(database)
        outbox.claim(BOT, limit=1)
        outbox.not_sent(job.id, retry_after_s=-1)

        outbox.renew([job.id])

        assert ids(outbox) == [job.id]


class TestAProcessThatStoodStill:
    @pytest.mark.parametrize("became", ["not_sent", "unsure"])
    def test_does_not_give_back_the_picture_that_another_one_delivers_by_now(
        self, database: Database, outbox: Outbox, became: str
    ) -> None:
        submit_and_finish(database)
        (frozen,) = outbox.claim(BOT, limit=1)
        let_leases_run_out(database)
        outbox.claim(BOT, limit=1)

        getattr(outbox, became)(frozen.id, retry_after_s=0, tries=frozen.delivery_tries)

        assert outbox.claim(BOT, limit=1) == []

    def test_does_not_give_back_the_answer_that_another_one_delivers_by_now(self, database: Database) -> None:
        outbox = ErrandOutbox(database)
        address = Address(BOT, 7, 8, private=True)
        Errands(database).submit(ErrandKind.CHAT, {"text": "why?"}, address=address, sender=Sender(7))
        Errands(database).finish(claim_errand(database), answer="because")
        (frozen,) = outbox.claim(BOT, limit=1)
        outbox.release_all(BOT)
        outbox.claim(BOT, limit=1)

        outbox.not_sent(frozen.id, retry_after_s=0, tries=frozen.delivery_tries)

        assert outbox.claim(BOT, limit=1) == []

    def test_gives_back_what_is_still_its_own_also_where_a_part_has_arrived(
        self, database: Database, outbox: Outbox
    ) -> None:
        submit_and_finish(database)
        (job,) = outbox.claim(BOT, limit=1)
        outbox.arrived(job, {job.id: (5, "file")})

        outbox.unsure(job.id, retry_after_s=0, tries=job.delivery_tries)

        assert ids(outbox) == [job.id]
