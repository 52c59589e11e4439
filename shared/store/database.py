"""The way to the database: connections, transactions, and the few things in which the two kinds differ."""

import copy
import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ParamSpec, Self, TypeAlias, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.dml import ReturningInsert

from shared.clock import elapsed, go_by
from shared.errors import LockConflict, StoreAway
from shared.store.locks import AdvisoryLock
from shared.store.news import News

log = logging.getLogger(__name__)

CHANNEL = "g2d_jobs"  # Postgres' name for our wake-ups
BUSY_TIMEOUT_MS = 30_000
IDLE_S = 2.0  # after which a connection is asked whether it still is one
CONNECTIONS = 16  # a process; statements take about a millisecond, so a few serve many threads
CONFLICTS = {"40P01": "deadlock", "55P03": "lock timeout", "40001": "serialization failure"}  # by SQLSTATE
READ_ONLY = "25006"  # SQLSTATE of a standby, as which a server comes back after a switch to another one
CONFLICT_TRIES = 4
CONFLICT_PAUSE_S = 0.05  # at most, before the second try; twice as long before each further one

P = ParamSpec("P")
T = TypeVar("T")
AnyInsert: TypeAlias = sqlite.Insert | postgresql.Insert
InsertInto: TypeAlias = Callable[[Table], AnyInsert]


class Database:
    """One engine, shared by all threads of a process."""

    def __init__(self, url: str, direct_url: str | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare the engine; nothing connects before the first transaction.

        Args:
            direct_url: Postgres itself, where ``url`` leads to a transaction pooler: what lasts longer than a
                transaction goes there.
            clock: Tells for how long connections were idle.
        """
        self._clock = clock
        self._url = url
        self._direct_url = direct_url
        self._is_lent = direct_url is not None
        self.is_sqlite = url.startswith("sqlite")
        self.engine, self._reader = self._engines()
        self.listeners: list[Callable[[News], None]] = []
        # SQLite takes one writer at a time, and its own waiting is a sleep that starves the unlucky: threads of
        # this process queue here instead.
        self._writer: AbstractContextManager[object] = threading.Lock() if self.is_sqlite else nullcontext()
        self._line: AbstractContextManager[object] = nullcontext()  # in front of that one

    def _engines(self) -> tuple[Engine, Engine]:
        engine = _sqlite(self._url) if self.is_sqlite else _postgres(self._url, self._clock, lent=self._is_lent)
        return engine, engine.execution_options(**self._reading_options())

    @property
    def counts_on_sessions(self) -> bool:
        """Whether what is said to a session of Postgres is taken to last."""
        return not (self.is_sqlite or self._is_lent)

    def do_without_sessions(self) -> None:
        """Say all anew in each transaction, as a pooler lends out sessions for one. To be called before any work."""
        self.engine.dispose()
        self._is_lent = True
        self.engine, self._reader = self._engines()

    def _reading_options(self) -> dict[str, object]:
        # Each statement sees what is committed by then anyway: a transaction would only cost two more round trips.
        if self.is_sqlite:
            return {"g2d_reads": True}
        # Settings of a lent session hold for a transaction alone.
        return {} if self._is_lent else {"isolation_level": "AUTOCOMMIT"}

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run one transaction; commits at the end, rolls back on an exception.

        Raises:
            StoreAway: The database does not answer.
            LockConflict: Another transaction stood in the way.
        """
        with self._line, self._writer, _translated(), self.engine.begin() as connection:
            changed: list[News] = []
            connection.info["changed"] = changed
            yield connection
        for news in changed:
            for listener in tuple(self.listeners):
                listener(news)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run statements that change nothing.

        Raises:
            StoreAway: The database does not answer.
        """
        with _translated(), self._reader.connect() as connection:
            yield connection

    def tell(self, connection: Connection, job_id: int, *, goes_on: bool = False) -> None:
        """Wake who waits for news of this job, at the moment the transaction is committed.

        Args:
            goes_on: It has certainly not ended: nobody looks for something to deliver.
        """
        self._announce(connection, News(job_id, may_be_delivered=not goes_on))

    def insert_and_tell(
        self, connection: Connection, new: Insert, row: dict[str, Any], *, job_id: int, goes_on: bool = False
    ) -> None:
        """Insert a row, and ``tell`` of a job; in Postgres in one round trip."""
        news = News(job_id, may_be_delivered=not goes_on)
        if self.is_sqlite:
            connection.execute(new, row)
            self._announce(connection, news)
        else:
            connection.execute(_telling(new), row | {"news": news.to_text()})

    def tell_of_errand(self, connection: Connection, errand_id: int, *, goes_on: bool = False) -> None:
        """The same for an errand."""
        self._announce(connection, News(errand_id, is_errand=True, may_be_delivered=not goes_on))

    def _announce(self, connection: Connection, news: News) -> None:
        if self.is_sqlite:
            connection.info["changed"].append(news)
        else:
            connection.execute(_TELL, {"news": news.to_text()})

    def alone(self, connection: Connection, lock: AdvisoryLock) -> bool:
        """Take this lock until the transaction ends; False when another transaction of the installation has it."""
        if self.is_sqlite:
            return True
        return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(lock))))

    @property
    def conninfo(self) -> str:
        """The address as Postgres' own library takes it, password included; past a pooler, where there is a way."""
        url = self.engine.url if self._direct_url is None else make_url(self._direct_url)
        return url.set(drivername="postgresql").render_as_string(hide_password=False)

    def directly(self) -> "Database | None":
        """The same database past its pooler, over connections of its own; None where no way past one is known."""
        return None if self._direct_url is None else Database(self._direct_url)

    def apart(self) -> "Database":
        """The same database over connections of its own, for what must not wait until busy threads give theirs back.

        SQLite has one writer anyway: there it is this very object.
        """
        if self.is_sqlite:
            return self
        database = Database(self._url, self._direct_url)
        if not self.counts_on_sessions and database.counts_on_sessions:
            database.do_without_sessions()
        return database

    def for_many_threads(self) -> "Database":
        """The same database, over the same connections, for threads of which there may be hundreds.

        In SQLite only one of them at a time waits for the writer: everybody else's transactions come after one of
        theirs, not after hundreds.
        """
        if not self.is_sqlite:
            return self
        database = copy.copy(self)
        database._line = threading.Lock()  # noqa: SLF001 - it is a Database
        return database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


_NOTIFY = func.pg_notify(CHANNEL, bindparam("news", type_=Text))
_TELL = select(_NOTIFY)


@functools.cache
def _telling(new: Insert) -> ReturningInsert[Any]:
    return new.returning(_NOTIFY)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreAway("no database connection became free") from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if code in CONFLICTS:
            raise LockConflict(CONFLICTS[code]) from error
        if code == READ_ONLY:
            raise StoreAway("the database takes no writes") from error
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


# Where packets vanish, a connection is given up after 5 + 3 × 3 s, or with something on its way after 10 s; TCP alone
# would take a quarter of an hour, and a server's own settings two hours, for which it would keep a dead client's locks.
PROBES = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3}
LINK: dict[str, Any] = PROBES | {"connect_timeout": 5, "tcp_user_timeout": 10_000}
_OF_SERVER = {f"tcp_{name}": str(value) for name, value in PROBES.items()}
_SETTINGS = {"statement_timeout": "30000", "lock_timeout": "10000", "timezone": "UTC"}
_SET = "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items())


def _connect_args(*, lent: bool) -> dict[str, object]:
    if lent:
        # A prepared statement stays with a session, which by then is somebody else's.
        return LINK | {"prepare_threshold": None}
    return LINK | {"options": " ".join(f"-c {name}={value}" for name, value in (_SETTINGS | _OF_SERVER).items())}


def _postgres(url: str, clock: Callable[[], float], *, lent: bool) -> Engine:
    import psycopg

    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        pool_use_lifo=True,
        max_overflow=CONNECTIONS,
        pool_recycle=1800,
        hide_parameters=True,  # A failing statement's error must not carry ideas and prompts into the log.
        connect_args=_connect_args(lent=lent),
    )
    if lent:

        @event.listens_for(engine, "begin")
        def set_up(connection: Connection) -> None:
            connection.exec_driver_sql(_SET)

    @event.listens_for(engine, "connect")
    def set_clock(connection: Any, _: object) -> None:
        # The first answer on a new connection takes longest, and so tells the time least exactly.
        _ask_the_time(connection)
        _ask_the_time(connection)

    @event.listens_for(engine, "checkin")
    def note_time(_: object, record: Any) -> None:
        record.info["idle_since"] = clock()

    @event.listens_for(engine, "checkout")
    def look_before_use(connection: Any, record: Any, _: object) -> None:
        # The pool's own ping asks before every transaction; one that was used a moment ago is alive.
        if clock() - record.info.get("idle_since", clock()) < IDLE_S:
            return
        try:
            _ask_the_time(connection)
        except psycopg.Error as error:
            # The others may have died with it, also those that were used a moment ago.
            raise InvalidatePoolError from error

    return engine


def _ask_the_time(connection: Any) -> None:
    """See that the server answers, and go by its clock: all processes of the installation see that one."""
    asked_at = elapsed()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    connection.rollback()
    if row is not None:
        go_by(row[0], asked_at=asked_at)


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_use_lifo=True,
        pool_size=CONNECTIONS,  # Above it a connection is opened for one transaction, which costs more than most.
        max_overflow=CONNECTIONS,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
    )

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
        if not connection.get_execution_options().get("g2d_reads"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def insert_new(database: Database, table: Table) -> AnyInsert:
    """Build an INSERT that can say what happens on a conflict, in the database's own dialect."""
    return sqlite.insert(table) if database.is_sqlite else postgresql.insert(table)


def built_once(build: Callable[[InsertInto], T]) -> Callable[[Database], T]:
    """Have a statement built once for each kind of database, whose INSERT is handed to the function that builds it."""
    built = functools.cache(build)

    @functools.wraps(build)
    def of(database: Database) -> T:
        return built(sqlite.insert if database.is_sqlite else postgresql.insert)

    return of
