"""Every thread of the worker is killed in turn, and it goes on; without its consumer the process ends."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.health import Signs
from services.worker.app import Pace, Worker
from shared.clock import present
from shared.jobs import State
from shared.settings import WorkerSettings
from shared.store import tables
from shared.store.database import Database
from shared.tickets import LocalTickets
from tests.builders import claim, read, submit
from tests.end_to_end.installation import settings_for
from tests.sqlite_tables import create_tables
from tests.threads import raise_exit_in

NOWHERE = "http://127.0.0.1:9"  # where the services would be
PATIENCE_S = 30
ROUNDS = (
    "renew leases",
    "sweep",
    "look at consumer",
    "check keys",
    "renew encryption",
    "clean up",
    "refresh image models",
    "refresh chat models",
)


HASTY = Pace(
    sweep_s=0.05,
    consumer_look_s=0.05,
    clean_up_look_s=0.05,
    refresh_look_s=0.05,
    check_s=0.05,
    renew_encryption_s=0.05,
    first_pause_s=0.01,
)


@pytest.fixture
def signs() -> Signs:
    return Signs()


@pytest.fixture
def worker(tmp_path: Path, signs: Signs) -> Iterator[Worker]:
    """A worker at work, and a process that survives being told to end."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    settings = WorkerSettings.model_validate(settings_for(NOWHERE, tmp_path) | {"G2D_LEASE_S": 1})
    database = Database(settings.database_url)
    create_tables(database)
    made = Worker(settings, database, LocalTickets(), signs=signs, pace=HASTY)
    made.start()
    yield made
    made.stop()
    database.close()
    signal.signal(signal.SIGTERM, before)


def until(look: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def thread(name: str) -> threading.Thread:
    [found] = [one for one in threading.enumerate() if one.name == name]
    return found


def kill(victim: threading.Thread) -> None:
    """End a thread without a word."""
    raise_exit_in(victim)
    victim.join(PATIENCE_S)
    assert not victim.is_alive()


class TestThreads:
    def test_each_is_started_again_when_it_is_killed(self, worker: Worker) -> None:
        for name in ROUNDS:
            kill(thread(name))

            def runs_again(name: str = name) -> bool:
                worker.look_after()
                return any(one.name == name for one in threading.enumerate())

            until(runs_again, f"{name} runs again")

    def test_all_of_them_are_known_to_this_test(self, worker: Worker) -> None:
        ours = {one.name for one in threading.enumerate() if one.daemon}

        assert set(ROUNDS) | {"tickets"} <= ours
        assert set(worker._rounds._work) == set(ROUNDS)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_without_its_consumer_the_process_is_told_to_end(
        self, worker: Worker, caplog: pytest.LogCaptureFixture
    ) -> None:
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())

        kill(thread("tickets"))
        until(told.is_set, "the process is told to end")

        assert worker.died
        assert "tickets are no longer taken" in caplog.text

    def test_every_duty_shows_signs_of_life(self, worker: Worker, signs: Signs) -> None:
        until(lambda: all(signs.tries().values()), f"signs of {signs.tries()}")

        assert set(signs.tries()) == {"cleans up", "renews leases", "sweeps", "takes tickets"}


class TestASweep:
    def test_after_the_machine_slept_takes_nothing_back_that_this_worker_has_in_hand(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Leases ran out while it slept, and the clock of a process that counts its own seconds stood still."""
        settings = WorkerSettings.model_validate(settings_for(NOWHERE, tmp_path))
        with Database(settings.database_url) as database:
            create_tables(database)
            worker = Worker(settings, database, LocalTickets())
            submit(database)
            job = claim(database, worker.name, lease=timedelta(seconds=30))
            worker._runner._jobs_in_hand.add(job.id)
            monkeypatch.setattr("shared.store.turns.present", lambda: present() + timedelta(minutes=10))

            worker._sweep()

            with database.reading() as connection:
                row = connection.execute(select(tables.jobs)).one()
            assert (row.state, row.worker, row.losses) == (State.WORKING, worker.name, 0)


class TestTheEnd:
    def test_no_job_is_begun_once_the_process_is_told_to_end(self, worker: Worker) -> None:
        """The bot ends first, which takes a while; what the worker began meanwhile would be waited for after that."""
        worker.wind_down()

        job = submit(worker._database)
        worker._tickets.send()
        until(lambda: worker._tickets.on_their_way() == 0, "the ticket is taken")
        worker.stop()

        assert read(worker._database, job).state is State.QUEUED
