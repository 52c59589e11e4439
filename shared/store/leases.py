"""Rows that workers hold on lease, jobs and errands alike: renewed, given back, and brought back from the dead."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    case,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from shared.errors import WorkerLost
from shared.jobs import State
from shared.store.database import Database
from shared.store.line import state_is
from shared.store.types import Instant

MAX_LOSSES = 3  # what took so many workers along is given up, with an explanation
AT_ONCE = 200  # rows brought back in one sweep's statement


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Attributes:
        due: Queued rows, counted up to a limit: that many tickets should be on their way.
        revived: Rows taken back from workers that died.
        lost: Rows given up because they took along too many workers.
    """

    due: int
    revived: int = 0
    lost: int = 0


def look_around(table: Table, may_begin: ColumnElement[bool]) -> Select[bool, bool]:
    """The statement that asks whether the time of anything waiting has come, and whether anything can be claimed.

    Takes ``at``, the present. Most claims come when there is nothing: they need neither a transaction nor a lock.
    """
    time_has_come = exists().where(state_is(State.WAITING, of=table), table.c.not_before <= bindparam("at"))
    return select(time_has_come, exists().where(may_begin))


def wake_waiting(table: Table) -> Update:
    """The statement that queues what has waited long enough; takes ``at``, the present."""
    due = (
        select(table.c.id)
        .where(table.c.state == State.WAITING, table.c.not_before <= bindparam("at"))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)  # SQLite has no need of it and leaves it out.
    )
    return update(table).where(table.c.id.in_(due)).values(state=State.QUEUED)


def claimed(table: Table) -> dict[str, Any]:
    """What a claim writes into its row; takes ``holder``, ``lease``, ``at`` and ``end``."""
    return {
        "state": State.WORKING,
        "worker": bindparam("holder"),
        "lease_until": bindparam("lease"),
        "claims": table.c.claims + 1,
        "not_before": None,
        "started_at": func.coalesce(table.c.started_at, bindparam("at", type_=Instant)),
        "deadline": func.coalesce(table.c.deadline, bindparam("end", type_=Instant)),
    }


@dataclass(frozen=True, slots=True)
class Claim:
    """The statements of a claim. Built once: putting them together takes longer than running them.

    Attributes:
        look: ``look_around``, for what this claim may take.
        quick: Claims the next row, and passes over those that somebody writes to: mostly they are another worker's
            by now.
        patient: Waits for them. It may be the bot that notes which status message a job has: then the job's only
            ticket must not be spent on it.
    """

    look: Select[bool, bool]
    quick: ReturningUpdate[Any]
    patient: ReturningUpdate[Any]


class Leases(ABC):
    """The leases on the rows of one table, one transaction a method.

    Attributes:
        table: Where the rows stand.
        wake: ``wake_waiting``, built once.
        sweep_lock: Any number that nobody else uses as an advisory lock in this database.
    """

    table: ClassVar[Table]
    wake: ClassVar[Update]
    sweep_lock: ClassVar[int]

    def __init__(self, database: Database, *, lease: timedelta, deadline: timedelta) -> None:
        """Set the terms: how long a silent worker keeps a row, and how long one may take from its first turn."""
        self._database = database
        self._lease = lease
        self._deadline = deadline

    def _claim_next(self, worker: str, claim: Claim) -> Row[Any] | None:
        with self._database.reading() as connection:
            is_waiting, may_begin = connection.execute(claim.look, {"at": datetime.now(UTC)}).one()
        if not is_waiting and not may_begin:
            return None
        with self._database.writing() as connection:
            # Not before: while this waited to write, somebody may have asked for the very row that it claims.
            now = datetime.now(UTC)
            if is_waiting:
                connection.execute(self.wake, {"at": now})
            terms = {"at": now, "holder": worker, "lease": now + self._lease, "end": now + self._deadline}
            row = connection.execute(claim.quick, terms).first() or connection.execute(claim.patient, terms).first()
            if row is not None:
                self._begun(connection, row, now)
                self._tell(connection, row.id)
            return row

    def renew(self, worker: str, ids: Collection[int]) -> int:
        """Keep the rows that a living worker has in hand its own; returns how many still are.

        A row that the worker let go without being able to write it down is left to the sweep.
        """
        return self._run_anew((self.table.c.worker == worker) & self.table.c.id.in_(ids))

    def renew_all(self) -> int:
        """Let every worker's leases run anew, after none could renew its own; those of dead workers run out later."""
        return self._run_anew()

    def _run_anew(self, *whose: ColumnElement[bool]) -> int:
        with self._database.writing() as connection:
            return connection.execute(
                update(self.table)
                .where(self.table.c.state == State.WORKING, *whose)
                .values(lease_until=datetime.now(UTC) + self._lease)
            ).rowcount

    def release(self, worker: str | None) -> int:
        """Give back the rows of a worker that stops; None: of all workers, when no other can be alive."""
        whose = [] if worker is None else [self.table.c.worker == worker]
        with self._database.writing() as connection:
            return connection.execute(
                update(self.table)
                .where(self.table.c.state == State.WORKING, *whose)
                .values(state=State.QUEUED, worker=None, lease_until=None)
            ).rowcount

    def sweep(self, *, most_due: int) -> Sweep | None:
        """Bring back what dead workers held and what waited long enough; None when another process is at it."""
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if not self._database.alone(connection, self.sweep_lock):
                return None
            connection.execute(self.wake, {"at": now})
            rows = self._take_back(connection, now)
            self._put_right(connection, [row.id for row in rows if row.state == State.FAILED], now)
            due = select(self.table.c.id).where(self._may_begin()).limit(most_due)
            states = [row.state for row in rows]
            return Sweep(
                due=connection.scalar(select(func.count()).select_from(due.subquery())) or 0,
                revived=states.count(State.QUEUED),
                lost=states.count(State.FAILED),
            )

    def _take_back(self, connection: Connection, now: datetime) -> Sequence[Row[Any]]:
        columns = self.table.c
        expired = (
            select(columns.id)
            .where(columns.state == State.WORKING, columns.lease_until < now)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        hopeless = columns.losses + 1 >= MAX_LOSSES
        rows = connection.execute(
            update(self.table)
            .where(columns.id.in_(expired))
            .values(
                state=case((hopeless, State.FAILED), else_=State.QUEUED),
                reason=case((hopeless, WorkerLost.reason), else_=columns.reason),
                ended_at=case((hopeless, now), else_=None),
                losses=columns.losses + 1,
                worker=None,
                lease_until=None,
                **self._given_up(hopeless, now),
            )
            .returning(columns.id, columns.state)
        ).all()
        for row in rows:
            self._tell(connection, row.id)
        return rows

    @abstractmethod
    def _may_begin(self) -> ColumnElement[bool]:
        """Whether a row could be claimed."""

    @abstractmethod
    def _begun(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        """Write down what else begins with a claim."""

    @abstractmethod
    def _tell(self, connection: Connection, row_id: int) -> None:
        """Wake whoever waits for news of this row."""

    @abstractmethod
    def _given_up(self, hopeless: ColumnElement[bool], now: datetime) -> dict[str, Any]:
        """What else changes in rows that dead workers held, where giving one up takes more than its state."""

    @abstractmethod
    def _put_right(self, connection: Connection, given_up: Sequence[int], now: datetime) -> None:
        """Do what the sweep has to do outside the rows that it brought back or gave up."""
