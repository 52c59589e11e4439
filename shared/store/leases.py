"""Work that workers hold on lease, one function a statement: claimed rows are renewed, given back, or taken back.

Each function is a part of its caller's transaction. None waits for a row while it holds others, but ``release``, which
locks them by id (``docs/queue.md``).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    Update,
    bindparam,
    case,
    exists,
    false,
    func,
    or_,
    select,
    update,
)

from shared.errors import OutOfTime, WorkerLost
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import state_is
from shared.store.locks import in_order
from shared.store.process_locks import whose_lock_is_free
from shared.store.types import Instant, TableRow, TableSelect

MAX_LOSSES = 3  # what took so many workers along is given up, with an explanation
AT_ONCE = 200  # rows brought back in one sweep's statement


class Tell(Protocol):
    """Wakes who waits for news of a row."""

    def __call__(self, database: Database, connection: Connection, row_id: int, /, *, goes_on: bool = False) -> None:
        """Wake them when the transaction is committed; ``goes_on``: the row has certainly not ended."""


class NoteAndTell(Protocol):
    """Writes down elsewhere that a row was claimed or given up, and wakes who waits for news of it."""

    def __call__(
        self, database: Database, connection: Connection, row: TableRow, now: datetime, /, *, goes_on: bool
    ) -> None:
        """Do both in the caller's transaction; ``goes_on`` as above."""


@dataclass(frozen=True, eq=False)
class WorkTable:
    """A table whose rows are work.

    Attributes:
        tell: Wakes who waits for news of a row.
        note_and_tell: The same for a row that was claimed or given up.
        claiming: Columns that a claim sets, beside those that all tables have.
        giving_up: Columns that are set where a sweep gives a row up; may take ``at``, the present.
    """

    table: Table
    tell: Tell
    note_and_tell: NoteAndTell
    claiming: Mapping[str, object] = field(default_factory=dict)
    giving_up: Mapping[str, object] = field(default_factory=dict)

    def is_waiting(self) -> ColumnElement[bool]:
        """Whether the time of anything that waited has come; takes ``at``, the present."""
        return exists().where(state_is(State.WAITING, of=self.table), self.table.c.not_before <= bindparam("at"))

    def is_let_go(self) -> ColumnElement[bool]:
        """Whether the lease of anything ran out; takes ``at``, the present."""
        return exists().where(state_is(State.WORKING, of=self.table), self.table.c.lease_until < bindparam("at"))

    def may_begin(self) -> ColumnElement[bool]:
        """Whether a row could be claimed."""
        return state_is(State.QUEUED, of=self.table)


def first_in_line(work: WorkTable, may_begin: ColumnElement[bool], column: str = "id") -> TableSelect:
    """Select a column of the row that comes first in the fair order."""
    columns = work.table.c
    return select(columns[column]).where(may_begin).order_by(columns.turn, columns.id).limit(1)


def claiming(work: WorkTable) -> Update:
    """The statement that claims rows; takes ``holder``, ``lease``, ``at``, ``end`` and ``lowest``.

    A claim that passes over earlier turns takes on the ``lowest`` of all that are queued. Virtual time is the turn of
    the last row claimed: were it to run ahead of them, the next request for the same would stand behind all of them.
    """
    columns = work.table.c
    lowest: BindParameter[float] = bindparam("lowest")
    return update(work.table).values(
        state=State.WORKING,
        turn=case((columns.turn > lowest, lowest), else_=columns.turn),
        worker=bindparam("holder"),
        lease_until=bindparam("lease"),
        claims=columns.claims + 1,
        not_before=None,
        started_at=func.coalesce(columns.started_at, bindparam("at", type_=Instant)),
        deadline=func.coalesce(columns.deadline, bindparam("end", type_=Instant)),
        **work.claiming,
    )


def wake(connection: Connection, work: WorkTable, now: datetime) -> int:
    """Queue what has waited long enough; returns how many rows."""
    return connection.execute(_waking(work), {"at": now}).rowcount


@cache
def _waking(work: WorkTable) -> Update:
    columns = work.table.c
    is_due = columns.not_before <= bindparam("at")
    due = select(columns.id).where(state_is(State.WAITING, of=work.table), is_due).limit(AT_ONCE)
    woken = update(work.table).where(columns.id.in_(due.with_for_update(skip_locked=True)))
    return woken.values(state=State.QUEUED)


def renew(
    connection: Connection,
    work: WorkTable,
    now: datetime,
    lease: timedelta,
    *,
    worker: str | None = None,
    ids: Collection[int] = (),
) -> int:
    """Let the leases of rows run anew, as far as they are this worker's (None: any worker's); returns how many.

    A row past its deadline is not renewed. One that is being written to at this moment is left to the next renewal.
    """
    columns = work.table.c
    whose = [] if worker is None else [columns.worker == worker, columns.id.in_(ids)]
    in_time = or_(columns.deadline.is_(None), columns.deadline > now)
    theirs = in_order(work.table, columns.state == State.WORKING, in_time, *whose, skip_locked=True)
    renewed = update(work.table).where(columns.id.in_(theirs)).values(lease_until=now + lease)
    return connection.execute(renewed).rowcount


def release(connection: Connection, work: WorkTable, worker: str | None) -> int:
    """Give back the rows of a worker (None: of all); returns how many."""
    columns = work.table.c
    whose = [] if worker is None else [columns.worker == worker]
    theirs = in_order(work.table, columns.state == State.WORKING, *whose)
    released = update(work.table).where(columns.id.in_(theirs))
    return connection.execute(released.values(state=State.QUEUED, worker=None, lease_until=None)).rowcount


def take_back(
    database: Database, connection: Connection, work: WorkTable, now: datetime, *, dead: Collection[str] = ()
) -> Counter[str]:
    """Queue again what workers let go; what is past its deadline, or took too many workers along, is given up.

    Args:
        dead: Workers whose leases are over although they have not run out, where their locks are free now.

    Returns:
        How many rows were queued, and how many were given up for which reason.
    """
    columns = work.table.c
    is_free = columns.lease_until < now
    if dead:
        names = whose_lock_is_free().with_only_columns(tables.workers.c.name).where(tables.workers.c.name.in_(dead))
        is_free |= columns.worker.in_(names)
    expired = select(columns.id).where(state_is(State.WORKING, of=work.table), is_free).limit(AT_ONCE)
    is_late = func.coalesce(columns.deadline <= now, false())
    is_over = is_late | (columns.losses + 1 >= MAX_LOSSES)
    own = {name: case((is_over, value), else_=columns[name]) for name, value in work.giving_up.items()}
    taken = (
        update(work.table)
        .where(columns.id.in_(expired.with_for_update(skip_locked=True)))
        .values(
            state=case((is_over, State.FAILED), else_=State.QUEUED),
            reason=case((is_late, OutOfTime.reason), (is_over, WorkerLost.reason), else_=columns.reason),
            ended_at=case((is_over, now), else_=None),
            losses=columns.losses + 1,
            worker=None,
            lease_until=None,
            **own,
        )
        .returning(work.table)
    )
    rows: Sequence[TableRow] = connection.execute(taken, {"at": now}).all()
    for row in rows:
        if row.state == State.FAILED:
            work.note_and_tell(database, connection, row, now, goes_on=False)
        else:
            work.tell(database, connection, row.id, goes_on=True)
    return Counter(row.reason if row.state == State.FAILED else row.state for row in rows)


def count_due(connection: Connection, work: WorkTable, limit: int) -> int:
    """How many rows could be claimed; ``limit`` for more."""
    due = select(work.table.c.id).where(work.may_begin()).limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(due)) or 0
