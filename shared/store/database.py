"""The way to the database: connections, transactions, and the few things in which the two kinds differ."""

import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ParamSpec, Self, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import LockConflict, StoreAway
from shared.store.locks import AdvisoryLock

log = logging.getLogger(__name__)

CHANNEL = "g2d_jobs"  # Postgres' name for our wake-ups
ERRAND = "errand "  # news of an errand are its id after this word; those of a job are the id alone
BUSY_TIMEOUT_MS = 30_000
IDLE_S = 2.0  # after which a connection is asked whether it still is one
CONNECTIONS = 16  # a process; statements take about a millisecond, so a few serve many threads
CONFLICTS = {"40P01": "deadlock", "55P03": "lock timeout", "40001": "serialization failure"}  # by SQLSTATE
CONFLICT_TRIES = 4
CONFLICT_PAUSE_S = 0.05  # at most, before the second try; twice as long before each further one

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One engine, shared by all threads of a process."""

    def __init__(self, url: str) -> None:
        """Prepare the engine; nothing connects before the first transaction."""
        self._url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url) if self.is_sqlite else _postgres(url)
        # In Postgres each statement sees what is committed by then anyway: a transaction would only cost two more
        # round trips.
        self._reader = self.engine.execution_options(
            **{"g2d_reads": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        )
        self.on_change: Callable[[str], None] | None = None
        # SQLite takes one writer at a time, and its own waiting is a sleep that starves the unlucky: threads of
        # this process queue here instead.
        self._writer: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run one transaction; commits at the end, rolls back on an exception.

        Raises:
            StoreAway: The database does not answer.
            LockConflict: Another transaction stood in the way.
        """
        with self._writer, _translated(), self.engine.begin() as connection:
            changed: list[str] = []
            connection.info["changed"] = changed
            yield connection
        if self.on_change is not None:
            for news in changed:
                self.on_change(news)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run statements that change nothing.

        Raises:
            StoreAway: The database does not answer.
        """
        with _translated(), self._reader.connect() as connection:
            yield connection

    def tell(self, connection: Connection, job_id: int) -> None:
        """Wake whoever waits for news of this job, at the moment the transaction is committed."""
        self._announce(connection, str(job_id))

    def tell_of_errand(self, connection: Connection, errand_id: int) -> None:
        """Wake whoever waits for news of this errand, at the moment the transaction is committed."""
        self._announce(connection, f"{ERRAND}{errand_id}")

    def _announce(self, connection: Connection, news: str) -> None:
        if self.is_sqlite:
            connection.info["changed"].append(news)
        else:
            connection.execute(select(func.pg_notify(CHANNEL, news)))

    def alone(self, connection: Connection, lock: AdvisoryLock) -> bool:
        """Take this lock until the transaction ends; False when another transaction of the installation has it."""
        if self.is_sqlite:
            return True
        return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(lock))))

    @property
    def conninfo(self) -> str:
        """The address as Postgres' own library takes it, password included."""
        return self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def apart(self) -> "Database":
        """The same database over connections of its own, for what must not wait until busy threads give theirs back.

        SQLite has one writer anyway: there it is this very object.
        """
        return self if self.is_sqlite else Database(self._url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreAway("no database connection became free") from error
    except DBAPIError as error:
        conflict = CONFLICTS.get(getattr(error.orig, "sqlstate", None) or "")
        if conflict is not None:
            raise LockConflict(conflict) from error
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise StoreAway(f"the database does not answer: {type(error.orig).__name__}") from error
        raise


def retrying(method: Callable[P, T]) -> Callable[P, T]:
    """Run a store's method again when its transaction lost a lock conflict; after some tries the error is raised.

    For methods that are one transaction, or several of which each may be run again.
    """

    @functools.wraps(method)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for number in range(1, CONFLICT_TRIES):
            try:
                return method(*args, **kwargs)
            except LockConflict as error:
                log.warning("lock conflict", extra={"error": str(error), "method": method.__qualname__, "try": number})
                time.sleep(CONFLICT_PAUSE_S * 2 ** (number - 1) * random.random())
        return method(*args, **kwargs)

    return tried


def _postgres(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_recycle=1800,
        hide_parameters=True,  # A failing statement's error must not carry ideas and prompts into the log.
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "options": "-c statement_timeout=30000 -c lock_timeout=10000 -c timezone=UTC",
        },
    )

    @event.listens_for(engine, "checkin")
    def note_time(_: object, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look_before_use(connection: Any, record: Any, _: object) -> None:
        # The pool's own ping asks before every transaction; one that was used a moment ago is alive.
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < IDLE_S:
            return
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise DisconnectionError from error

    return engine


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # We say BEGIN ourselves, below.
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")  # Survives any kill; a power cut may cost the last second.
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that starts by reading and then writes can fail at once with "locked"; one that takes the
        # write lock first only waits.
        reads = connection.get_execution_options().get("g2d_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
