"""Whose turn it is: claims with leases, and the sweep that brings back what was lost."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Update, bindparam, case, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from shared.jobs import Job, Stage, State
from shared.shares import Shares
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import reached
from shared.store.line import Line, state_is
from shared.store.rows import read_job

MAX_LOSSES = 3  # a job that took so many workers along is given up, with an explanation
SWEEP_LOCK = 7_362_001  # any number nobody else uses as an advisory lock in this database
AT_ONCE = 200  # jobs brought back in one sweep's statement


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found.

    Attributes:
        due: Queued jobs, counted up to a limit: that many tickets should be on their way.
        revived: Jobs taken back from workers that died.
        lost: Jobs given up because they took along too many workers.
    """

    due: int
    revived: int = 0
    lost: int = 0


def _wake_waiting() -> Update:
    jobs = tables.jobs.c
    due = (
        select(jobs.id)
        .where(jobs.state == State.WAITING, jobs.not_before <= bindparam("at"))
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)  # SQLite has no need of it and leaves it out.
    )
    return update(tables.jobs).where(jobs.id.in_(due)).values(state=State.QUEUED)


def _claim(*, alone: bool) -> ReturningUpdate[Any]:
    """The statement that claims the next job, or the next that belongs to no batch."""
    jobs = tables.jobs.c
    queued = state_is(State.QUEUED)
    next_in_line = (
        select(jobs.id)
        .where(queued & jobs.batch_id.is_(None) if alone else queued)
        .order_by(jobs.turn, jobs.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return (
        update(tables.jobs)
        .where(jobs.id == next_in_line)
        .values(
            state=State.WORKING,
            worker=bindparam("holder"),
            lease_until=bindparam("lease"),
            claims=jobs.claims + 1,
            not_before=None,
            stage=case((jobs.prompt.is_(None), Stage.WRITING), else_=Stage.PAINTING),
            started_at=func.coalesce(jobs.started_at, bindparam("at", type_=tables.Instant)),
            deadline=func.coalesce(jobs.deadline, bindparam("end", type_=tables.Instant)),
            # Virtual time must not run ahead of the batches that are passed over, or the next batch would stand
            # behind all that they have saved up.
            **({"turn": _lowest_turn()} if alone else {}),
        )
        .returning(tables.jobs)
    )


def _lowest_turn() -> ScalarSelect[Any]:
    queued = tables.jobs.alias()
    return select(func.min(queued.c.turn)).where(state_is(State.QUEUED, of=queued)).scalar_subquery()


# Built once: putting them together takes longer than running them.
WAKE_WAITING = _wake_waiting()
CLAIM = _claim(alone=False)
CLAIM_ALONE = _claim(alone=True)


class Turns:
    """The order of jobs, one transaction a method."""

    def __init__(
        self, database: Database, *, lease: timedelta, deadline: timedelta, shares: Shares | None = None
    ) -> None:
        """Set the terms: how long a silent worker keeps a job, and how long a job may take from its first turn."""
        self._database = database
        self._line = Line(database, shares)
        self._lease = lease
        self._deadline = deadline

    def claim_next(self, worker: str, *, alone: bool = False) -> Job | None:
        """Take the fairest queued job, for as long as the lease runs; None when there is none.

        Args:
            alone: Pass over the pictures of batches.
        """
        with self._database.writing() as connection:
            # Not before: while this waited to write, somebody may have asked for the very job that it claims.
            now = datetime.now(UTC)
            terms = {"at": now, "holder": worker, "lease": now + self._lease, "end": now + self._deadline}
            connection.execute(WAKE_WAITING, {"at": now})
            row = connection.execute(CLAIM_ALONE if alone else CLAIM, terms).first()
            if row is None:
                return None
            reached(connection, row.id, Stage(row.stage), now)
            self._database.tell(connection, row.id)
            return read_job(row)

    def renew(self, worker: str, job_ids: Collection[int]) -> int:
        """Keep the jobs that a living worker has in hand its own; returns how many still are.

        A job that the worker let go without being able to write it down is left to the sweep.
        """
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.jobs)
                .where(
                    tables.jobs.c.state == State.WORKING,
                    tables.jobs.c.worker == worker,
                    tables.jobs.c.id.in_(job_ids),
                )
                .values(lease_until=datetime.now(UTC) + self._lease)
            ).rowcount

    def renew_all(self) -> int:
        """Let every worker's leases run anew, after none could renew its own; those of dead workers run out later."""
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.jobs)
                .where(tables.jobs.c.state == State.WORKING)
                .values(lease_until=datetime.now(UTC) + self._lease)
            ).rowcount

    def release(self, worker: str | None) -> int:
        """Give back the jobs of a worker that stops; None: of all workers, when no other can be alive."""
        jobs = tables.jobs.c
        theirs = jobs.state == State.WORKING
        if worker is not None:
            theirs &= jobs.worker == worker
        with self._database.writing() as connection:
            return connection.execute(
                update(tables.jobs).where(theirs).values(state=State.QUEUED, worker=None, lease_until=None)
            ).rowcount

    def sweep(self, *, most_due: int) -> Sweep | None:
        """Bring back what dead workers held and what waited long enough; None when another process is at it."""
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if not self._database.alone(connection, SWEEP_LOCK):
                return None
            connection.execute(WAKE_WAITING, {"at": now})
            states = self._take_back(connection, now)
            self._line.repair(connection)
            due = select(tables.jobs.c.id).where(tables.jobs.c.state == State.QUEUED).limit(most_due)
            return Sweep(
                due=connection.scalar(select(func.count()).select_from(due.subquery())) or 0,
                revived=states.count(State.QUEUED),
                lost=states.count(State.FAILED),
            )

    def _take_back(self, connection: Connection, now: datetime) -> list[State]:
        jobs = tables.jobs.c
        expired = (
            select(jobs.id)
            .where(jobs.state == State.WORKING, jobs.lease_until < now)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        hopeless = jobs.losses + 1 >= MAX_LOSSES
        rows = connection.execute(
            update(tables.jobs)
            .where(jobs.id.in_(expired))
            .values(
                state=case((hopeless, State.FAILED), else_=State.QUEUED),
                stage=case((hopeless, Stage.SENDING), else_=jobs.stage),
                reason=case((hopeless, "worker_lost"), else_=jobs.reason),
                ended_at=case((hopeless, now), else_=None),
                losses=jobs.losses + 1,
                worker=None,
                lease_until=None,
            )
            .returning(jobs.id, jobs.state)
        ).all()
        for row in rows:
            self._database.tell(connection, row.id)
            if row.state == State.FAILED:
                reached(connection, row.id, Stage.SENDING, now)
        return [State(row.state) for row in rows]
