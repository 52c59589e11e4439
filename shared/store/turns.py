"""Whose turn it is: jobs are claimed in the order of the line."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, case, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from shared.jobs import Job, Stage, State
from shared.shares import Shares
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import reached
from shared.store.leases import Leases, claimed, wake_waiting
from shared.store.line import Line, state_is
from shared.store.rows import read_job


def _claim(*, alone: bool, patient: bool = False) -> ReturningUpdate[Any]:
    """The statement that claims the next job, or the next that belongs to no batch.

    Args:
        patient: Wait for rows that others are writing to, instead of passing them over.
    """
    jobs = tables.jobs.c
    queued = state_is(State.QUEUED)
    next_in_line = (
        select(jobs.id)
        .where(queued & jobs.batch_id.is_(None) if alone else queued)
        .order_by(jobs.turn, jobs.id)
        .limit(1)
        .with_for_update(skip_locked=not patient)
        .scalar_subquery()
    )
    return (
        update(tables.jobs)
        .where(jobs.id == next_in_line)
        .values(
            **claimed(tables.jobs),
            stage=case((jobs.prompt.is_(None), Stage.WRITING), else_=Stage.PAINTING),
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
WAKE_WAITING = wake_waiting(tables.jobs)
CLAIM, CLAIM_PATIENTLY = _claim(alone=False), _claim(alone=False, patient=True)
CLAIM_ALONE, CLAIM_ALONE_PATIENTLY = _claim(alone=True), _claim(alone=True, patient=True)


class Turns(Leases):
    """The order of jobs, and their leases."""

    table = tables.jobs
    sweep_lock = 7_362_001

    def __init__(
        self, database: Database, *, lease: timedelta, deadline: timedelta, shares: Shares | None = None
    ) -> None:
        """Set the terms: how long a silent worker keeps a job, and how long a job may take from its first turn."""
        super().__init__(database, lease=lease, deadline=deadline)
        self._line = Line(database, shares)

    def claim_next(self, worker: str, *, alone: bool = False) -> Job | None:
        """Take the fairest queued job, for as long as the lease runs; None when there is none.

        Args:
            alone: Pass over the pictures of batches.
        """
        with self._database.writing() as connection:
            # Not before: while this waited to write, somebody may have asked for the very job that it claims.
            now = datetime.now(UTC)
            connection.execute(WAKE_WAITING, {"at": now})
            terms = self._terms(worker, now)
            # A row that somebody writes to is passed over first, for mostly it is another worker's by now. But it may
            # be the bot that notes which status message a job has: then the job's only ticket must not be spent on it.
            quick, patient = (CLAIM_ALONE, CLAIM_ALONE_PATIENTLY) if alone else (CLAIM, CLAIM_PATIENTLY)
            row = connection.execute(quick, terms).first() or connection.execute(patient, terms).first()
            if row is None:
                return None
            reached(connection, row.id, Stage(row.stage), now)
            self._tell(connection, row.id)
            return read_job(row)

    def _may_begin(self) -> ColumnElement[bool]:
        return state_is(State.QUEUED)

    def _tell(self, connection: Connection, row_id: int) -> None:
        self._database.tell(connection, row_id)

    def _given_up(self, hopeless: ColumnElement[bool], now: datetime) -> dict[str, Any]:  # noqa: ARG002
        return {"stage": case((hopeless, Stage.SENDING), else_=tables.jobs.c.stage)}

    def _put_right(self, connection: Connection, given_up: Sequence[int], now: datetime) -> None:
        for job_id in given_up:
            reached(connection, job_id, Stage.SENDING, now)
        self._line.repair(connection)
