"""What is known of the pace at which pictures are made: how long the newest took, and how many slots are alive."""

import time
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, delete, func, select

from shared.jobs import State
from shared.shares import Flow, Shares, slots_of
from shared.store import tables
from shared.store.database import Database, retrying
from shared.store.line import ALONE, insert_new, state_is
from shared.waits import Pace, turns_meanwhile

NEWEST = 50  # pictures that are measured
AMONG = 200  # turns among which they are looked for: some have failed, or are under way
RECENT = timedelta(hours=24)
KEPT_S = 5.0  # a measurement is good for so long
MOST_COUNTED = 10_000  # pictures asked for alone that stand before a batch

_jobs, _workers = tables.jobs.c, tables.workers.c


class Workers:
    """Which workers are alive, and how many slots each has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retrying
    def beat(self, name: str, slots: int, *, lease: timedelta, lock_key: int | None = None) -> None:
        """Say that a worker is alive, and will be for as long as a lease.

        Args:
            lock_key: Of the lock that it holds (``shared/store/process_locks.py``); None: it holds none.
        """
        now = datetime.now(UTC)
        row = insert_new(self._database, tables.workers).values(
            name=name, slots=slots, alive_until=now + lease, lock_key=lock_key
        )
        news = {"alive_until": row.excluded.alive_until, "lock_key": row.excluded.lock_key}
        alive = row.on_conflict_do_update(index_elements=["name"], set_=news)
        long_gone = select(_workers.name).where(_workers.alive_until < now - RECENT).with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            connection.execute(delete(tables.workers).where(_workers.name.in_(long_gone)))
            connection.execute(alive)

    def gone(self, name: str | None) -> None:
        """Say that a worker stopped; None: all of them, when no other can be alive."""
        theirs = delete(tables.workers)
        with self._database.writing() as connection:
            connection.execute(theirs if name is None else theirs.where(_workers.name == name))


class Waits:
    """Estimates for people who wait; None wherever nothing was measured."""

    def __init__(self, database: Database, shares: Shares | None = None) -> None:
        """Estimate under these terms."""
        self._database = database
        self._shares = shares or Shares()
        self._lock = Lock()
        self._pace: Pace | None = None
        self._good_until = 0.0

    def seconds(self, place: int) -> float | None:
        """Until the picture at this place in the line, counted from 1, is there."""
        pace = self.pace()
        return None if pace is None else pace.seconds(place)

    def batch_seconds(self, user_id: int, pictures: int) -> float | None:
        """Until a batch of so many pictures would be there, if it was started now."""
        pace = self.pace()
        if pace is None or not pictures:
            return None
        with self._database.reading() as connection:
            before = self._before_a_batch(connection, user_id, pictures)
        return pace.batch_seconds(pictures, before, at_a_time=self._shares.in_flight)

    def pace(self) -> Pace | None:
        """The pace of late; measured anew every few seconds at most."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                with self._database.reading() as connection:
                    self._pace = _measure(connection)
                self._good_until = time.monotonic() + KEPT_S
            return self._pace

    def _before_a_batch(self, connection: Connection, user_id: int, pictures: int) -> float:
        """What was asked for alone goes before a batch; other people's batches take turns with it."""
        alone = select(_jobs.id).where(state_is(State.QUEUED), ALONE).limit(MOST_COUNTED)
        batches = tables.batches.c
        left = (
            select(batches.user_id, func.count().label("left"))
            .join(tables.jobs, _jobs.batch_id == batches.id)
            .where(batches.state == "running", batches.user_id != user_id, state_is(State.HELD, State.QUEUED))
            .group_by(batches.user_id)
        )
        others = [(row.left, self._shares.cost(row.user_id, Flow.BATCHES)) for row in connection.execute(left)]
        cost = self._shares.cost(user_id, Flow.BATCHES)
        queued = connection.scalar(select(func.count()).select_from(alone.subquery())) or 0
        return queued + turns_meanwhile(pictures, cost, others)


def _measure(connection: Connection) -> Pace | None:
    now = datetime.now(UTC)
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
    return Pace(
        picture_s=picture_s,
        slot_s=min(slot_s, picture_s) or picture_s,
        slots=sum(slots_of(of_one)[Flow.PICTURES] for of_one in slots),
        batch_slots=sum(slots_of(of_one)[Flow.BATCHES] for of_one in slots),
        busy=busy,
    )
