"""Whose errand is next: claims with leases, and the sweep that brings back what was lost."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, exists, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from shared.errands import SILENT, Errand
from shared.errors import WorkerLost
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import read_errand
from shared.store.turns import AT_ONCE, MAX_LOSSES, Sweep

SWEEP_LOCK = 7_362_002  # any number nobody else uses as an advisory lock in this database


def _wake_waiting() -> Update:
    errands = tables.errands.c
    due = (
        select(errands.id)
        .where(errands.state == State.WAITING, errands.not_before <= bindparam("at"))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return update(tables.errands).where(errands.id.in_(due)).values(state=State.QUEUED)


def _may_begin() -> Any:
    """Queued, and no earlier turn of the same conversation is under way."""
    errands = tables.errands.c
    earlier = tables.errands.alias()
    under_way = exists().where(
        earlier.c.conversation_id == errands.conversation_id,
        earlier.c.id < errands.id,
        earlier.c.state.in_([State.QUEUED, State.WORKING, State.WAITING]),
    )
    return (errands.state == State.QUEUED) & or_(errands.conversation_id.is_(None), ~under_way)


def _claim() -> ReturningUpdate[Any]:
    errands = tables.errands.c
    next_in_line = (
        select(errands.id)
        .where(_may_begin())
        .order_by(errands.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return (
        update(tables.errands)
        .where(errands.id == next_in_line)
        .values(
            state=State.WORKING,
            worker=bindparam("holder"),
            lease_until=bindparam("lease"),
            claims=errands.claims + 1,
            not_before=None,
            started_at=func.coalesce(errands.started_at, bindparam("at", type_=tables.Instant)),
            deadline=func.coalesce(errands.deadline, bindparam("end", type_=tables.Instant)),
        )
        .returning(tables.errands)
    )


# Built once: putting them together takes longer than running them.
WAKE_WAITING = _wake_waiting()
CLAIM = _claim()


class ErrandTurns:
    """The order of errands, one transaction a method."""

    def __init__(self, database: Database, *, lease: timedelta, deadline: timedelta) -> None:
        """Set the terms: how long a silent worker keeps an errand, and how long one may take from its first turn."""
        self._database = database
        self._lease = lease
        self._deadline = deadline

    def claim_next(self, worker: str) -> Errand | None:
        """Take the oldest errand that may begin, for as long as the lease runs; None when there is none.

        Turns of one conversation are taken one after the other, in the order in which they were asked.
        """
        now = datetime.now(UTC)
        terms = {"at": now, "holder": worker, "lease": now + self._lease, "end": now + self._deadline}
        with self._database.writing() as connection:
            connection.execute(WAKE_WAITING, {"at": now})
            row = connection.execute(CLAIM, terms).first()
            if row is None:
                return None
            self._database.tell_of_errand(connection, row.id)
            return read_errand(row)

    def renew(self, worker: str, errand_ids: Collection[int]) -> int:
        """Keep the errands that a living worker has in hand its own; returns how many still are."""
        errands = tables.errands.c
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.errands)
                .where(errands.state == State.WORKING, errands.worker == worker, errands.id.in_(errand_ids))
                .values(lease_until=datetime.now(UTC) + self._lease)
            ).rowcount

    def renew_all(self) -> int:
        """Let every worker's leases run anew, after none could renew its own; those of dead workers run out later."""
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.errands)
                .where(tables.errands.c.state == State.WORKING)
                .values(lease_until=datetime.now(UTC) + self._lease)
            ).rowcount

    def release(self, worker: str | None) -> int:
        """Give back the errands of a worker that stops; None: of all workers, when no other can be alive."""
        errands = tables.errands.c
        theirs = errands.state == State.WORKING
        if worker is not None:
            theirs &= errands.worker == worker
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.errands).where(theirs).values(state=State.QUEUED, worker=None, lease_until=None)
            ).rowcount

    def sweep(self, *, most_due: int) -> Sweep | None:
        """Bring back what dead workers held and what waited long enough; None when another process is at it."""
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if not self._database.alone(connection, SWEEP_LOCK):
                return None
            connection.execute(WAKE_WAITING, {"at": now})
            states = self._take_back(connection, now)
            due = select(tables.errands.c.id).where(_may_begin()).limit(most_due)
            return Sweep(
                due=connection.scalar(select(func.count()).select_from(due.subquery())) or 0,
                revived=states.count(State.QUEUED),
                lost=states.count(State.FAILED),
            )

    def _take_back(self, connection: Connection, now: datetime) -> list[State]:
        errands = tables.errands.c
        expired = (
            select(errands.id)
            .where(errands.state == State.WORKING, errands.lease_until < now)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        hopeless = errands.losses + 1 >= MAX_LOSSES
        unheard = hopeless & errands.kind.in_([str(kind) for kind in SILENT])
        rows = connection.execute(
            update(tables.errands)
            .where(errands.id.in_(expired))
            .values(
                state=case((hopeless, State.FAILED), else_=State.QUEUED),
                reason=case((hopeless, WorkerLost.reason), else_=errands.reason),
                ended_at=case((hopeless, now), else_=None),
                delivered_at=case((unheard, now), else_=None),
                losses=errands.losses + 1,
                worker=None,
                lease_until=None,
            )
            .returning(errands.id, errands.state)
        ).all()
        for row in rows:
            self._database.tell_of_errand(connection, row.id)
        return [State(row.state) for row in rows]
