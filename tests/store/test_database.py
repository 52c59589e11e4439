"""Connections and transactions: whole or not at all, on both kinds."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from shared.errors import LockConflict, StoreAway
from shared.store import tables
from shared.store.database import IDLE_S, Database, retrying
from tests.builders import submit
from tests.servers import away


class TestTransactions:
    def test_what_fails_halfway_leaves_nothing(self, database: Database) -> None:
        job = submit(database)

        with contextlib.suppress(ZeroDivisionError), database.writing() as connection:
            connection.execute(update(tables.jobs).values(reason="halfway"))
            raise ZeroDivisionError

        with database.reading() as connection:
            assert connection.scalar(select(tables.jobs.c.reason).where(tables.jobs.c.id == job.id)) is None

    def test_many_threads_that_count_up_lose_no_count(self, database: Database) -> None:
        submit(database)
        barrier = threading.Barrier(8)

        def count_up(_: int) -> None:
            barrier.wait()
            for _ in range(20):
                with database.writing() as connection:
                    connection.execute(update(tables.jobs).values(failures=tables.jobs.c.failures + 1))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(count_up, range(8)))

        with database.reading() as connection:
            assert connection.scalar(select(tables.jobs.c.failures)) == 160

    def test_reading_goes_on_while_another_writes(self, database: Database) -> None:
        with database.writing() as connection:
            connection.execute(
                tables.circuits.insert().values(provider="a", model="b", failures=0, openings=0, on_trial=False)
            )

            with database.reading() as other:
                assert other.scalar(select(func.count()).select_from(tables.circuits)) == 0

    def test_a_bug_is_not_mistaken_for_an_outage(self, database: Database) -> None:
        row = {"provider": "a", "model": "b", "failures": 0, "openings": 0, "on_trial": False}

        with pytest.raises(IntegrityError), database.writing() as connection:
            connection.execute(tables.circuits.insert(), [row, row])

    def test_an_error_tells_no_parameters(self, database: Database) -> None:
        row = {"provider": "secret words", "model": "b", "failures": 0, "openings": 0, "on_trial": False}

        with pytest.raises(IntegrityError) as caught, database.writing() as connection:
            connection.execute(tables.circuits.insert(), [row, row])

        assert "parameters hidden" in str(caught.value)


@pytest.mark.distributed
class TestALostConnection:
    def test_the_transaction_under_way_is_an_outage_and_the_next_one_works(self, postgres: Database) -> None:
        def lose_the_connection() -> None:
            with postgres.writing() as connection:
                end_other_connections(postgres)
                connection.execute(text("SELECT 1"))

        with pytest.raises(StoreAway):
            lose_the_connection()

        assert submit(postgres).id


def end_other_connections(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@pytest.mark.distributed
class TestAServerThatTakesNoWrites:
    def test_is_away_for_writing_as_after_a_switch_to_another_server(self, postgres: Database) -> None:
        def write() -> None:
            with postgres.writing() as connection:
                connection.execute(text("SET TRANSACTION READ ONLY"))
                connection.execute(delete(tables.jobs))

        with pytest.raises(StoreAway, match="takes no writes"):
            write()


@pytest.mark.distributed
class TestConnectionsThatEndedWithTheServer:
    def test_are_all_made_anew_once_one_is_found_to_be_dead(self, postgres: Database) -> None:
        """Not only those that were idle for so long that they are asked whether they still are connections."""
        now = [0.0]
        url = postgres.engine.url.render_as_string(hide_password=False)
        with Database(url, clock=lambda: now[0]) as database:
            with database.reading() as one, database.reading() as other:
                assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1"))
            with away(postgres):
                pass

            for idle_s in (IDLE_S, 0.0):
                now[0] = idle_s
                with database.reading() as connection:
                    assert connection.scalar(text("SELECT 1")) == 1
        postgres.engine.dispose()


@pytest.mark.distributed
class TestALockConflict:
    """Another transaction stands in the way: the database is there, and the same transaction may be run again."""

    def test_is_told_from_a_database_that_is_away(self, postgres: Database) -> None:
        job = submit(postgres)

        with postgres.writing() as holder:
            lock(holder, job.id)
            with pytest.raises(LockConflict, match="lock timeout"):
                write_impatiently(postgres, job.id)

    def test_is_tried_again_and_told_in_the_log(self, postgres: Database, caplog: pytest.LogCaptureFixture) -> None:
        job = submit(postgres)
        tries = []

        with postgres.engine.connect() as holder:
            lock(holder, job.id)

            @retrying
            def write() -> None:
                tries.append(len(tries))
                if len(tries) == 2:
                    holder.rollback()
                write_impatiently(postgres, job.id)

            write()

        assert tries == [0, 1]
        assert [(record.message, vars(record)["error"]) for record in caplog.records] == [
            ("lock conflict", "lock timeout")
        ]

    def test_that_lasts_is_raised_in_the_end(self, postgres: Database) -> None:
        job = submit(postgres)

        with postgres.writing() as holder:
            lock(holder, job.id)
            with pytest.raises(LockConflict):
                retrying(write_impatiently)(postgres, job.id)


def lock(connection: Connection, job_id: int) -> None:
    connection.execute(select(tables.jobs.c.id).where(tables.jobs.c.id == job_id).with_for_update())


def write_impatiently(database: Database, job_id: int) -> None:
    with database.writing() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '1ms'"))
        lock(connection, job_id)
