"""Connections and transactions: whole or not at all, on both kinds."""

import contextlib
import itertools
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from shared.clock import Clock
from shared.errors import LockConflict, StoreAway
from shared.store import tables
from shared.store.database import IDLE_S, Database, retrying
from tests.builders import submit
from tests.servers import away
from tests.sqlite_tables import create_tables


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

    def test_hundreds_of_threads_keep_nobody_else_from_writing(self, sqlite_url: str) -> None:
        one = Database(sqlite_url)
        create_tables(one)
        submit(one)
        many = one.for_many_threads()
        barrier, written = threading.Barrier(101), itertools.count()

        def write(database: Database, times: int) -> int:
            """How many transactions there were when this thread's last one ended."""
            barrier.wait()
            for _ in range(times):
                with database.writing() as connection:
                    connection.execute(update(tables.jobs).values(failures=tables.jobs.c.failures + 1))
                    at = next(written)
            return at

        with one, ThreadPoolExecutor(101) as pool:
            of_many = [pool.submit(write, many, 10) for _ in range(100)]
            of_one = pool.submit(write, one, 20)

            # Each of its transactions waits for one of theirs, or a few; in a line with theirs it would be the last.
            assert of_one.result() < 500
            assert max(each.result() for each in of_many) == 1_019

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


@pytest.mark.distributed
class TestAConnectionWithoutAnotherEnd:
    """Where packets vanish: TCP alone would wait for a quarter of an hour, Postgres for two."""

    def test_is_given_up_on_both_sides_in_seconds(self, postgres: Database) -> None:
        with postgres.reading() as connection:
            names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
            theirs = [connection.scalar(text(f"SHOW {name}")) for name in names]
            with socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno())) as line:  # type: ignore[union-attr]
                ours = [
                    line.getsockopt(level, option)
                    for level, option in (
                        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                    )
                ]

        assert theirs == ["5", "3", "3"]
        assert ours == [1, 5, 3, 3, 10_000]


@pytest.mark.distributed
class TestTheClockOfTheServer:
    @pytest.mark.parametrize("idle_s", [0.0, IDLE_S])
    def test_is_gone_by_from_the_first_connection_on_and_read_again(
        self, postgres: Database, monkeypatch: pytest.MonkeyPatch, idle_s: float
    ) -> None:
        """A machine's own clock may have jumped; all processes see the same one of the server."""
        now = [0.0]
        url = postgres.engine.url.render_as_string(hide_password=False)
        with Database(url, clock=lambda: now[0]) as database:
            if idle_s:
                with database.reading() as connection:
                    connection.scalar(text("SELECT 1"))
            of_this_machine = Clock(wall=lambda: 0.0)
            monkeypatch.setattr("shared.store.database.go_by", of_this_machine.go_by)
            monkeypatch.setattr("shared.clock.MAX_ANSWER_S", 60.0)
            now[0] = idle_s

            with database.reading() as connection:
                told = connection.scalar(text("SELECT clock_timestamp()"))

        assert abs(of_this_machine.present() - told) < timedelta(minutes=1)  # type: ignore[operator]


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
