"""Estimates of waiting times, from how long the newest pictures took and how many slots are alive."""

import time
from datetime import timedelta
from threading import Lock

from sqlalchemy import Connection, func, select

from shared.clock import present
from shared.estimates import Throughput, turns_of_others
from shared.jobs import State
from shared.queue_policy import Flow, QueuePolicy, slots_of
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import ALONE, state_is

NEWEST = 50  # pictures that are measured
AMONG = 200  # turns among which they are looked for: some have failed, or are under way
RECENT = timedelta(hours=24)
KEPT_S = 5.0  # a measurement is good for so long
MAX_COUNTED = 10_000  # pictures asked for alone that stand before a batch

_jobs, _workers = tables.jobs.c, tables.workers.c


class Estimates:
    """Estimates for people who wait; None wherever nothing was measured."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Estimate under these terms."""
        self._database = database
        self._policy = policy or QueuePolicy()
        self._lock = Lock()
        self._throughput: Throughput | None = None
        self._good_until = 0.0

    def seconds(self, place: int) -> float | None:
        """Until the picture at this place in the line, counted from 1, is there."""
        throughput = self.throughput()
        return None if throughput is None else throughput.seconds(place)

    def batch_seconds(self, user_id: int, pictures: int) -> float | None:
        """Until a batch of so many pictures would be there, if it was started now."""
        throughput = self.throughput()
        if throughput is None or not pictures:
            return None
        with self._database.reading() as connection:
            before = self._before_a_batch(connection, user_id, pictures)
        return throughput.batch_seconds(pictures, before, at_a_time=self._policy.in_flight)

    def throughput(self) -> Throughput | None:
        """The throughput of late; measured anew every few seconds at most."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                with self._database.reading() as connection:
                    self._throughput = _measure(connection)
                self._good_until = time.monotonic() + KEPT_S
            return self._throughput

    def _before_a_batch(self, connection: Connection, user_id: int, pictures: int) -> float:
        """What was asked for alone goes before a batch; other people's batches take turns with it."""
        alone = select(_jobs.id).where(state_is(State.QUEUED), ALONE).limit(MAX_COUNTED)
        batches = tables.batches.c
        left = (
            select(batches.user_id, func.count().label("left"))
            .join(tables.jobs, _jobs.batch_id == batches.id)
            .where(batches.state == "running", batches.user_id != user_id, state_is(State.HELD, State.QUEUED))
            .group_by(batches.user_id)
        )
        others = [(row.left, self._policy.cost(row.user_id, Flow.BATCHES)) for row in connection.execute(left)]
        cost = self._policy.cost(user_id, Flow.BATCHES)
        queued = connection.scalar(select(func.count()).select_from(alone.subquery())) or 0
        return queued + turns_of_others(pictures, cost, others)


def _measure(connection: Connection) -> Throughput | None:
    now = present()
    slots = list(connection.scalars(select(_workers.slots).where(_workers.alive_until >= now)))
    # Those with the highest turns began last; their index knows them without a look at the line.
    begun = select(_jobs.id).where(_jobs.started_at.is_not(None)).order_by(_jobs.turn.desc()).limit(AMONG)
    newest = (
        select(_jobs.id, _jobs.started_at, _jobs.ended_at)
        .where(_jobs.id.in_(begun), _jobs.state == State.FINISHED, _jobs.ended_at >= now - RECENT)
        .order_by(_jobs.ended_at.desc())
        .limit(NEWEST)
    )
    measured = connection.execute(newest).all()
    if not slots or not measured:
        return None
    picture_s = sum((row.ended_at - row.started_at).total_seconds() for row in measured) / len(measured)
    attempts = tables.attempts.c
    calls = select(func.sum(attempts.duration_ms)).where(attempts.job_id.in_([row.id for row in measured]))
    slot_s = (connection.scalar(calls) or 0) / 1_000 / len(measured)
    busy = connection.scalar(select(func.count()).select_from(tables.jobs).where(state_is(State.WORKING))) or 0
    return Throughput(
        picture_s=picture_s,
        slot_s=min(slot_s, picture_s) or picture_s,
        slots=sum(slots_of(of_one)[Flow.PICTURES] for of_one in slots),
        batch_slots=sum(slots_of(of_one)[Flow.BATCHES] for of_one in slots),
        busy=busy,
    )
