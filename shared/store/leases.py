"""Rows that workers hold on lease, jobs and errands alike: renewed, given back, and brought back from the dead."""

from abc import ABC, abstractmethod
from collections import Counter
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
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from shared.errors import OutOfTime, WorkerLost
from shared.jobs import State
from shared.store.database import Database, retrying
from shared.store.line import state_is
from shared.store.locks import AdvisoryLock, in_order
from shared.store.types import Instant

MAX_LOSSES = 3  # what took so many workers along is given up, with an explanation
AT_ONCE = 200  # rows brought back in one sweep's statement
CLAIM_TRIES = 5  # each after another claim was faster; then the sweep's next ticket tries again


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Attributes:
        due: Queued rows, counted up to a limit: that many tickets should be on their way.
        revived: Rows taken back from workers that died.
        lost: Rows given up because they took along too many workers.
        late: Rows given up because their deadline passed while a worker held them.
    """

    due: int
    revived: int = 0
    lost: int = 0
    late: int = 0


def look_around(table: Table, first: Select[int]) -> Select[bool, int | None]:
    """The statement that asks whether the time of anything waiting has come, and which row can be claimed first.

    Takes ``at``, the present. Most claims come when there is nothing: they need neither a transaction nor a lock.
    """
    time_has_come = exists().where(state_is(State.WAITING, of=table), table.c.not_before <= bindparam("at"))
    return select(time_has_come, first.scalar_subquery())


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
        next: Claims the first row that no other transaction has locked: mostly those are being claimed.
        named: Claims the row with the id ``first`` if it still may begin; waits for whoever has locked it. That may be
            the bot, which notes the job's status message: then the job's only ticket must not be spent in vain.
    """

    look: Select[bool, int | None]
    next: ReturningUpdate[Any]
    named: ReturningUpdate[Any]


def claim_of(table: Table, may_begin: ColumnElement[bool], order: Sequence[ColumnElement[Any]], **values: Any) -> Claim:
    """Build the statements that claim what may begin, in this order, and write these values as well."""
    first = select(table.c.id).where(may_begin).order_by(*order).limit(1)
    claiming = update(table).values(**claimed(table), **values).returning(table)
    unlocked = first.with_for_update(skip_locked=True).scalar_subquery()
    return Claim(
        look=look_around(table, first),
        next=claiming.where(table.c.id == unlocked),
        named=claiming.where(table.c.id == bindparam("first"), may_begin),
    )


class Leases(ABC):
    """The leases on the rows of one table, one transaction a method.

    Attributes:
        table: Where the rows stand.
        wake: ``wake_waiting``, built once.
        sweep_lock: Keeps all processes but one from sweeping.
    """

    table: ClassVar[Table]
    wake: ClassVar[Update]
    sweep_lock: ClassVar[AdvisoryLock]

    def __init__(self, database: Database, *, lease: timedelta, deadline: timedelta) -> None:
        """Set the terms: how long a silent worker keeps a row, and how long one may take from its first turn."""
        self._database = database
        self._lease = lease
        self._deadline = deadline

    @retrying
    def _claim_next(self, worker: str, claim: Claim) -> Row[Any] | None:
        for _ in range(CLAIM_TRIES):
            first = self._look(claim)
            if first is None:
                return None
            row = self._claim(worker, claim.next) or self._claim(worker, claim.named, first=first)
            if row is not None:
                return row
        return None

    def _look(self, claim: Claim) -> int | None:
        """Queue what has waited long enough; returns the id of the row that can be claimed first."""
        at = {"at": datetime.now(UTC)}
        with self._database.reading() as connection:
            is_due, first = connection.execute(claim.look, at).one()
        if not is_due:
            return first
        # In a transaction of its own: whoever waits for a row must not hold others.
        with self._database.writing() as connection:
            connection.execute(self.wake, at)
        with self._database.reading() as connection:
            return connection.execute(claim.look, at).one()[1]

    def _claim(self, worker: str, claiming: ReturningUpdate[Any], **which: int) -> Row[Any] | None:
        with self._database.writing() as connection:
            # Not before: while this waited to write, somebody may have asked for the very row that it claims.
            now = datetime.now(UTC)
            terms = {"at": now, "holder": worker, "lease": now + self._lease, "end": now + self._deadline}
            row = connection.execute(claiming, terms | which).first()
            if row is not None:
                self._begun(connection, row, now)
                self._tell(connection, row.id)
            return row

    def renew(self, worker: str, ids: Collection[int]) -> int:
        """Keep the rows that a living worker has in hand its own; returns how many still are.

        A row past its deadline is not renewed: its lease runs out, and a sweep ends it, whatever the worker is still
        waiting for. A row that the worker let go without being able to write it down is left to the sweep, one that is
        being written to at this moment to the next renewal.
        """
        return self._run_anew(self.table.c.worker == worker, self.table.c.id.in_(ids))

    def renew_all(self) -> int:
        """Let every worker's leases run anew, after none could renew its own; those of dead workers run out later."""
        return self._run_anew()

    @retrying
    def _run_anew(self, *whose: ColumnElement[bool]) -> int:
        now, columns = datetime.now(UTC), self.table.c
        in_time = or_(columns.deadline.is_(None), columns.deadline > now)
        theirs = in_order(self.table, columns.state == State.WORKING, in_time, *whose, skip_locked=True)
        with self._database.writing() as connection:
            return connection.execute(
                update(self.table).where(columns.id.in_(theirs)).values(lease_until=now + self._lease)
            ).rowcount

    @retrying
    def release(self, worker: str | None) -> int:
        """Give back the rows of a worker that stops; None: of all workers, when no other can be alive."""
        whose = [] if worker is None else [self.table.c.worker == worker]
        theirs = in_order(self.table, self.table.c.state == State.WORKING, *whose)
        with self._database.writing() as connection:
            return connection.execute(
                update(self.table)
                .where(self.table.c.id.in_(theirs))
                .values(state=State.QUEUED, worker=None, lease_until=None)
            ).rowcount

    @retrying
    def sweep(self, *, most_due: int) -> Sweep | None:
        """Bring back what dead workers held and what waited long enough; None when another process is at it."""
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if not self._database.alone(connection, self.sweep_lock):
                return None
            connection.execute(self.wake, {"at": now})
            rows = self._take_back(connection, now)
            self._lost(connection, [row.id for row in rows if row.state == State.FAILED], now)
        self._repair()
        due = select(self.table.c.id).where(self._may_begin()).limit(most_due)
        ends = Counter(row.reason if row.state == State.FAILED else row.state for row in rows)
        with self._database.reading() as connection:
            return Sweep(
                due=connection.scalar(select(func.count()).select_from(due.subquery())) or 0,
                revived=ends[State.QUEUED],
                lost=ends[WorkerLost.reason],
                late=ends[OutOfTime.reason],
            )

    def _take_back(self, connection: Connection, now: datetime) -> Sequence[Row[Any]]:
        columns = self.table.c
        expired = (
            select(columns.id)
            .where(columns.state == State.WORKING, columns.lease_until < now)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        late = func.coalesce(columns.deadline <= now, false())
        hopeless = late | (columns.losses + 1 >= MAX_LOSSES)
        reason = case((late, OutOfTime.reason), (hopeless, WorkerLost.reason), else_=columns.reason)
        rows = connection.execute(
            update(self.table)
            .where(columns.id.in_(expired))
            .values(
                state=case((hopeless, State.FAILED), else_=State.QUEUED),
                reason=reason,
                ended_at=case((hopeless, now), else_=None),
                losses=columns.losses + 1,
                worker=None,
                lease_until=None,
                **self._given_up(hopeless, now),
            )
            .returning(columns.id, columns.state, columns.reason)
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
    def _lost(self, connection: Connection, ids: Sequence[int], now: datetime) -> None:
        """Write down what else ends with rows that a sweep gave up."""

    @abstractmethod
    def _repair(self) -> None:
        """Put right outside the swept rows what an older version or a crash left behind, in transactions of its own."""
