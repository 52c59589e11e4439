"""Whose turn it is: jobs are claimed in the order of the line."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, case, func, select

from shared.jobs import Job, Stage, State
from shared.shares import Shares
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import reached
from shared.store.leases import Claim, Leases, claim_of, wake_waiting
from shared.store.line import Line, state_is
from shared.store.locks import AdvisoryLock
from shared.store.rows import read_job


def _may_begin(*, alone: bool) -> ColumnElement[bool]:
    queued = state_is(State.QUEUED)
    return queued & tables.jobs.c.batch_id.is_(None) if alone else queued


def _lowest_turn() -> ScalarSelect[Any]:
    queued = tables.jobs.alias()
    return select(func.min(queued.c.turn)).where(state_is(State.QUEUED, of=queued)).scalar_subquery()


def _claim(*, alone: bool) -> Claim:
    """The claim of the next job, or of the next that belongs to no batch."""
    jobs = tables.jobs.c
    # Virtual time must not run ahead of the batches that are passed over, or the next batch would stand behind all that
    # they have saved up.
    turn = {"turn": _lowest_turn()} if alone else {}
    stage = case((jobs.prompt.is_(None), Stage.WRITING), else_=Stage.PAINTING)
    return claim_of(tables.jobs, _may_begin(alone=alone), (jobs.turn, jobs.id), stage=stage, **turn)


ANY, ALONE = _claim(alone=False), _claim(alone=True)


class Turns(Leases):
    """The order of jobs, and their leases."""

    table = tables.jobs
    wake = wake_waiting(tables.jobs)
    sweep_lock = AdvisoryLock.SWEEP_JOBS

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
        row = self._claim_next(worker, ALONE if alone else ANY)
        return read_job(row) if row is not None else None

    def _may_begin(self) -> ColumnElement[bool]:
        return _may_begin(alone=False)

    def _begun(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        reached(connection, row.id, Stage(row.stage), now)

    def _tell(self, connection: Connection, row_id: int) -> None:
        self._database.tell(connection, row_id)

    def _given_up(self, hopeless: ColumnElement[bool], now: datetime) -> dict[str, Any]:  # noqa: ARG002
        return {"stage": case((hopeless, Stage.SENDING), else_=tables.jobs.c.stage)}

    def _lost(self, connection: Connection, ids: Sequence[int], now: datetime) -> None:
        for job_id in ids:
            reached(connection, job_id, Stage.SENDING, now)

    def _repair(self) -> None:
        self._line.repair()
