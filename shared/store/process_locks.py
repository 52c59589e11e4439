"""Tells which processes live: each holds an advisory lock in Postgres, over a connection of its own, while it lives.

Postgres frees the lock when that connection ends, milliseconds after its process was killed; a lease would take half a
minute to run out. A free lock is a hint all the same: connections are also cut under processes that live. What makes
such an error harmless is the number of the claim, which fences off a worker that lost its lease; what makes it rare is
``DeadWorkers``. ``docs/reliability.md`` has the whole reasoning.
"""

import logging
import time
import zlib
from collections.abc import Callable, Collection
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    and_,
    cast,
    column,
    delete,
    exists,
    func,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import OID

from shared.errors import StoreAway
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database, retrying
from shared.store.job_states import state_is
from shared.store.locks import AdvisoryLock
from shared.store.types import TableSelect

if TYPE_CHECKING:
    from shared.store.lock_session import LockSession

log = logging.getLogger(__name__)

KEEP_S = 0.5  # between two looks of a process at its own lock
LOOK_S = 0.5  # between two looks at the locks of others
LOOKS_APART_S = 1.5  # a lock that is free for so long is a dead process's; a living one takes it again in ``KEEP_S``
STOOD_STILL_S = 5.0  # between two looks: a looker that paused for so long has not seen what happened meanwhile
SETTLE_S = 10.0  # after a cut: what cut this process's connection has probably cut the others', too

_workers = tables.workers.c
_locks = table(
    "pg_locks",
    column("locktype", Text),
    column("database", OID),
    column("classid", OID),
    column("objid", OID),
    column("objsubid", Integer),
    column("pid", Integer),
    column("granted"),
)
_databases = table("pg_database", column("oid", OID), column("datname", Text))
_here = select(_databases.c.oid).where(_databases.c.datname == func.current_database()).scalar_subquery()


class Hold(Enum):
    """What has become of a process's lock."""

    HELD = auto()
    TAKEN = auto()  # another session has it
    AWAY = auto()  # the database doesn't answer
    IMPOSSIBLE = auto()  # sessions aren't the process's own: SQLite, or a pooler stands before Postgres


def key_of(name: str) -> int:
    """The number of a name's lock. Two names with one number are no harm: a dead one of them seems to live."""
    return zlib.crc32(name.encode()) & 0x7FFF_FFFF


def _is_held(key: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Whether a session holds the lock of this number."""
    return and_(
        _locks.c.locktype == "advisory",
        _locks.c.database == _here,
        cast(_locks.c.classid, BigInteger) == int(AdvisoryLock.PROCESS),
        cast(_locks.c.objid, BigInteger) == key,
        _locks.c.objsubid == 2,  # two numbers, not a long one
        _locks.c.granted,
    )


def whose_lock_is_free() -> TableSelect:
    """Select name and ``alive_until`` of workers that said that they hold a lock, and whose lock is free."""
    free = ~exists().select_from(_locks).where(_is_held(_workers.lock_key))
    return select(_workers.name, _workers.alive_until).where(_workers.lock_key.is_not(None), free)


_FREE = whose_lock_is_free()


class ProcessLock:
    """One process's lock. To be kept by one thread, which calls ``keep`` every ``KEEP_S`` seconds."""

    def __init__(self, database: Database, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the lock of ``name``; nothing connects yet."""
        self._database = database
        self._clock = clock
        self._session: LockSession | None = None
        self._cut_at: float | None = None
        self._was_seen = False
        self.key = key_of(name)
        self.hold = Hold.IMPOSSIBLE if database.is_sqlite else Hold.AWAY

    @property
    def is_held(self) -> bool:
        """Whether it was held at the last look."""
        return self.hold is Hold.HELD

    @property
    def is_settled(self) -> bool:
        """Whether it is held, and was not cut a moment ago."""
        return self.is_held and (self._cut_at is None or self._clock() - self._cut_at >= SETTLE_S)

    def keep(self) -> Hold:
        """See that the lock is held, and take it again where it was lost."""
        if self.hold is Hold.IMPOSSIBLE:
            return self.hold
        before = self.hold
        if self._is_still_held():
            return self.hold
        try:
            self.hold = self._take()
        except StoreAway as error:
            self._disconnect()
            self.hold = Hold.AWAY
            if before is not Hold.AWAY:
                log.warning("lock of this process lost", extra={"error": str(error)})
        if self.hold is Hold.IMPOSSIBLE:
            self._disconnect()
            log.warning("no lock can be held: a pooler stands before Postgres, a death is seen when the lease runs out")
        return self.hold

    def close(self) -> None:
        """Let go of the lock."""
        self._disconnect()
        self.hold = Hold.IMPOSSIBLE

    def _is_still_held(self) -> bool:
        if self._session is None or not self.is_held:
            return False
        try:
            return self._session.is_our_own()
        except StoreAway:
            self._cut_at = self._clock()
            self._disconnect()
            return False

    def _take(self) -> Hold:
        from shared.store.lock_session import LockSession

        session = self._session = self._session or LockSession(self._database.conninfo)
        if not session.is_our_own():
            return Hold.IMPOSSIBLE
        if not session.take(self.key):
            return Hold.TAKEN
        # Once is enough: a session that the others saw is no pooler's.
        self._was_seen = self._was_seen or self._others_see_it(session.pid)
        return Hold.HELD if self._was_seen else Hold.IMPOSSIBLE

    def _others_see_it(self, pid: int) -> bool:
        with self._database.reading() as connection:
            return connection.scalar(select(_locks.c.pid).where(_is_held(self.key))) == pid

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class DeadWorkers:
    """Finds workers that died: those that said they hold a lock, and whose lock is free in all looks for a while.

    A worker that lives and loses its connection takes the lock again in ``KEEP_S``, or takes back what it said. One
    that shows another sign of life is looked at anew, and a looker that lost its own lock says nothing for a while.
    """

    def __init__(self, database: Database, own: ProcessLock, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Look in the name of the process that has the lock ``own``."""
        self._database = database
        self._own = own
        self._clock = clock
        self._free_since: dict[tuple[str, datetime], float] = {}
        self._looked_at = clock()

    def look(self) -> frozenset[str]:
        """Look at all locks; returns the names of those that are dead. To be called every ``LOOK_S`` seconds."""
        now, before = self._clock(), self._looked_at
        self._looked_at = now
        if not self._own.is_settled or now - before >= STOOD_STILL_S:
            # Two looks say nothing of the time between them where this process stood still.
            self._free_since.clear()
        if not self._own.is_settled:
            return frozenset()
        with self._database.reading() as connection:
            free = {(row.name, row.alive_until) for row in connection.execute(_FREE)}
        self._free_since = {one: self._free_since.get(one, now) for one in free}
        return frozenset(name for (name, _), since in self._free_since.items() if now - since >= LOOKS_APART_S)

    @retrying
    def forget(self, names: Collection[str]) -> None:
        """Strike out those dead workers under whose names nothing is held any more."""
        holds = [
            exists().where(state_is(State.WORKING, of=work), work.c.worker == _workers.name)
            for work in (tables.jobs, tables.errands)
        ]
        free = whose_lock_is_free().with_only_columns(_workers.name).where(*(~one for one in holds))
        with self._database.writing() as connection:
            connection.execute(delete(tables.workers).where(_workers.name.in_(names), _workers.name.in_(free)))
