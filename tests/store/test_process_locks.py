"""Who lives and who is dead, told by locks that Postgres frees when their process ends."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from shared.errands import ErrandKind
from shared.jobs import Address, Sender, State
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs, LostTurn
from shared.store.process_locks import LOOK_S, LOOKS_APART_S, SETTLE_S, DeadWorkers, Hold, ProcessLock
from shared.store.turns import Sweep
from shared.store.workers import Workers
from tests.builders import AN_HOUR, BOT, FOX_RECIPE, claim, claim_errand, read, submit, turns_of
from tests.servers import PgBouncer, away

MAX_LOOKS = round(LOOKS_APART_S / LOOK_S)  # after the first


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self._now = 1_000.0

    def __call__(self) -> float:
        return self._now

    def go_on(self, seconds: float) -> None:
        self._now += seconds


class Plant:
    """Two workers: ``dies`` holds a picture and a question, ``looks`` watches over it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.dies = ProcessLock(database, "dies")
        self.looks = ProcessLock(database, "looks", clock=self.clock)
        assert (self.dies.keep(), self.looks.keep()) == (Hold.HELD, Hold.HELD)
        self.dead_workers = DeadWorkers(database, self.looks, clock=self.clock)
        submit(database)
        self.job = claim(database, "dies")
        address = Address(BOT, 5, 6, private=True)
        Errands(database).submit(ErrandKind.CHAT, {"text": "why?"}, address=address, sender=Sender(5))
        self.errand = claim_errand(database, "dies")
        self.beat()

    def beat(self, *, announced: bool = True) -> None:
        lock_key = self.dies.key if announced else None
        Workers(self.database).beat("dies", 8, lease=AN_HOUR, lock_key=lock_key)

    def look(self, count: int = 1) -> frozenset[str]:
        """Look so many times, at the usual pace; returns who is dead in the end."""
        for _ in range(count):
            found = self.dead_workers.look()
            self.clock.go_on(LOOK_S)
        return found

    def close(self) -> None:
        self.dies.close()
        self.looks.close()


@pytest.fixture
def plant(postgres: Database) -> Iterator[Plant]:
    with closing(Plant(postgres)) as made:
        yield made


def cut(database: Database, lock: ProcessLock) -> None:
    """End the session that holds a lock, as a failing network does; returns when Postgres has freed it."""
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    pid = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :key AND granted AND {here}"
    with database.reading() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(({pid}), 5000)"), {"key": lock.key})


@pytest.mark.distributed
class TestALock:
    def test_is_one_sessions_until_it_ends(self, postgres: Database) -> None:
        with closing(ProcessLock(postgres, "name")) as one, closing(ProcessLock(postgres, "name")) as other:
            assert [one.keep(), one.keep(), other.keep()] == [Hold.HELD, Hold.HELD, Hold.TAKEN]
            cut(postgres, one)
            assert [other.keep(), one.keep()] == [Hold.HELD, Hold.TAKEN]

    def test_is_taken_again_at_the_next_look_after_its_connection_was_cut(self, postgres: Database) -> None:
        with closing(ProcessLock(postgres, "name")) as lock:
            lock.keep()
            cut(postgres, lock)

            assert lock.keep() is Hold.HELD

    def test_is_taken_again_when_the_database_is_back(self, postgres: Database) -> None:
        with closing(ProcessLock(postgres, "name")) as lock:
            lock.keep()

            with away(postgres):
                assert [lock.keep(), lock.keep()] == [Hold.AWAY, Hold.AWAY]
            postgres.close()  # Its connections have been cut as well.
            assert lock.keep() is Hold.HELD

    @pytest.mark.skipif(not PgBouncer.is_installed(), reason="needs PgBouncer")
    def test_is_not_taken_through_a_pooler_that_lends_out_sessions(self, postgres: Database) -> None:
        with PgBouncer(postgres).running() as pooled:
            assert ProcessLock(pooled, "name").keep() is Hold.IMPOSSIBLE

        with closing(ProcessLock(postgres, "name")) as free:
            assert free.keep() is Hold.HELD


def test_sqlite_has_no_such_locks(sqlite: Database) -> None:
    assert ProcessLock(sqlite, "name").keep() is Hold.IMPOSSIBLE


@pytest.mark.distributed
class TestADeadWorker:
    def test_is_found_soon_and_its_work_is_queued_as_after_a_lease(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)

        assert plant.look(MAX_LOOKS) == frozenset()
        dead = plant.look()
        found = turns_of(plant.database).sweep(most_due=10, dead=dead)

        assert dead == {"dies"}
        assert found == Sweep(due=2, revived=2)
        job = read(plant.database, plant.job)
        assert (job.state, job.worker, job.claims) == (State.QUEUED, None, 1)

    def test_can_change_nothing_any_more_when_it_was_not_dead(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)
        turns_of(plant.database).sweep(most_due=10, dead=plant.look(MAX_LOOKS + 1))
        for _ in range(2):
            assert turns_of(plant.database).claim_next("looks") is not None

        with pytest.raises(LostTurn):
            Jobs(plant.database).finish(plant.job, FOX_RECIPE, image_key="k", media_type="image/png")
        with pytest.raises(LostTurn):
            Errands(plant.database).finish(plant.errand, answer="late")
        assert turns_of(plant.database).renew("dies", jobs=[plant.job.id], errands=[plant.errand.id]) == 0
        job = read(plant.database, plant.job)
        assert (job.state, job.worker, job.claims) == (State.WORKING, "looks", 2)

    def test_is_forgotten_when_nothing_of_its_is_left(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)
        dead = plant.look(MAX_LOOKS + 1)

        plant.dead_workers.forget(dead)
        assert plant.look() == dead
        turns_of(plant.database).sweep(most_due=10, dead=dead)
        plant.dead_workers.forget(dead)

        assert plant.look() == frozenset()


def regains_its_lock(plant: Plant) -> None:
    plant.dies.keep()


def withdraws_what_it_said(plant: Plant) -> None:
    plant.beat(announced=False)


def shows_another_sign_of_life(plant: Plant) -> None:
    plant.beat()


@pytest.mark.distributed
class TestALivingWorker:
    @pytest.mark.parametrize("act", [regains_its_lock, withdraws_what_it_said, shows_another_sign_of_life])
    def test_is_not_dead_when_its_connection_was_cut_and_it(self, plant: Plant, act: Callable[[Plant], None]) -> None:
        cut(plant.database, plant.dies)

        plant.look(MAX_LOOKS)
        act(plant)

        assert plant.look() == frozenset()

    def test_keeps_its_work_when_it_regains_its_lock_at_the_last_moment(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)

        dead = plant.look(MAX_LOOKS + 1)
        plant.dies.keep()

        assert dead == {"dies"}
        assert turns_of(plant.database).sweep(most_due=10, dead=dead) == Sweep(due=0)

    def test_that_never_held_a_lock_has_its_lease(self, plant: Plant) -> None:
        plant.beat(announced=False)
        cut(plant.database, plant.dies)

        assert plant.look(3 * MAX_LOOKS) == frozenset()

    def test_is_not_judged_by_one_that_stood_still(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)

        plant.look()
        plant.clock.go_on(60)

        assert plant.look() == frozenset()

    def test_is_not_judged_for_a_while_by_one_whose_own_connection_was_cut(self, plant: Plant) -> None:
        cut(plant.database, plant.dies)
        cut(plant.database, plant.looks)
        plant.looks.keep()

        assert plant.look(round(SETTLE_S / LOOK_S)) == frozenset()
        assert plant.look(MAX_LOOKS + 1) == {"dies"}
