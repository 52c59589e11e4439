"""The measured pace: durations of the newest pictures, slots of the workers that are alive."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.batches import DeliveryFormat
from shared.jobs import Address, Job, Request, Sender
from shared.store import tables
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.estimates import Estimates
from shared.store.jobs import Jobs
from shared.store.workers import Workers
from tests.builders import BOT, FOX_RECIPE, an_attempt, submit, submit_and_claim, submit_and_fail, submit_and_finish

LEASE = timedelta(seconds=30)
OVER = timedelta(seconds=-1)


def a_picture_of(database: Database, *, seconds: float, calls_ms: tuple[int, ...] = ()) -> Job:
    """A finished picture that took so long, some of it in calls to services."""
    job = submit_and_claim(database)
    Jobs(database).finish(
        job,
        FOX_RECIPE,
        image_key="a",
        media_type="image/jpeg",
        attempts=[an_attempt(duration_ms=duration) for duration in calls_ms],
    )
    set_times(database, job, datetime.now(UTC), seconds)
    return job


def set_times(database: Database, job: Job, end: datetime, seconds: float) -> None:
    with database.writing() as connection:
        connection.execute(
            update(tables.jobs)
            .where(tables.jobs.c.id == job.id)
            .values(ended_at=end, started_at=end - timedelta(seconds=seconds))
        )


class TestPace:
    def test_without_a_worker_nobody_knows(self, database: Database) -> None:
        a_picture_of(database, seconds=10)

        assert Estimates(database).throughput() is None
        assert Estimates(database).seconds(1) is None

    def test_without_a_picture_nobody_knows(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        submit_and_fail(database)

        assert Estimates(database).throughput() is None

    def test_is_the_mean_of_the_newest_pictures_and_of_their_calls(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        a_picture_of(database, seconds=10, calls_ms=(2_000, 4_000))
        a_picture_of(database, seconds=20, calls_ms=(2_000,))

        pace = Estimates(database).throughput()

        assert pace is not None
        assert (pace.picture_s, pace.slot_s) == (pytest.approx(15), pytest.approx(4))

    def test_knows_nothing_of_pictures_of_the_day_before_yesterday(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        set_times(database, submit_and_finish(database), datetime.now(UTC) - timedelta(hours=49), 10)

        assert Estimates(database).throughput() is None

    def test_counts_the_slots_of_those_workers_that_are_alive(self, database: Database) -> None:
        workers = Workers(database)
        for name, slots, lease in (("one", 8, LEASE), ("two", 16, LEASE), ("dead", 32, OVER), ("gone", 64, LEASE)):
            workers.beat(name, slots, lease=lease)
        workers.gone("gone")
        a_picture_of(database, seconds=10)
        submit_and_claim(database)

        pace = Estimates(database).throughput()

        assert pace is not None
        assert (pace.slots, pace.batch_slots, pace.busy) == (8 + 15, 7 + 13, 1)

    def test_a_worker_that_was_late_is_alive_again(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=OVER)
        Workers(database).beat("one", 8, lease=LEASE)
        a_picture_of(database, seconds=10)

        assert Estimates(database).throughput() is not None

    def test_when_no_process_can_be_alive_no_worker_is(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        Workers(database).gone(None)
        a_picture_of(database, seconds=10)

        assert Estimates(database).throughput() is None


class TestABatch:
    def start(self, database: Database, user: int, pictures: int) -> None:
        batches = Batches(database)
        batch, _ = batches.ask(
            [Request(f"idea {number}") for number in range(pictures)],
            address=Address(BOT, user, 10_000 + user),
            sender=Sender(user),
            source="telegram",
            delivery_format=DeliveryFormat.ZIP,
        )
        batches.start(batch.id)
        while batches.fill(batch.id):
            continue

    def test_waits_for_others_in_proportion(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        a_picture_of(database, seconds=7)

        alone = Estimates(database).batch_seconds(1, 140)
        self.start(database, 2, 300)
        beside_another = Estimates(database).batch_seconds(1, 140)

        assert alone == pytest.approx(140)
        assert beside_another == pytest.approx(280)

    def test_waits_for_what_was_asked_for_alone(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        a_picture_of(database, seconds=7)
        for user in range(10, 80):
            submit(database, user=user)

        assert Estimates(database).batch_seconds(1, 140) == pytest.approx(140 + 70)

    def test_does_not_wait_for_its_own_persons_others(self, database: Database) -> None:
        Workers(database).beat("one", 8, lease=LEASE)
        a_picture_of(database, seconds=7)
        self.start(database, 1, 300)

        assert Estimates(database).batch_seconds(1, 140) == pytest.approx(140)
