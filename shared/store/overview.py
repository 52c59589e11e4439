"""Figures for ``/status``: queue, outcomes of late, live workers, open circuits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select, union_all

from shared.clock import present
from shared.errands import ErrandKind
from shared.jobs import ENDED, State
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import ALONE, IN_FLIGHT, state_is

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUOTAS = "gemini-"  # so begin the providers of rows for used-up quotas of the day; a key's digest follows


@dataclass(frozen=True, slots=True)
class Count:
    """How many in the last hour, and in the last day, that hour included."""

    hour: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class Resting:
    """A model that is left alone for so many seconds more; with a provider, or, for a quota, with so many keys."""

    model: str
    seconds: float
    provider: str | None = None
    keys: int = 1


@dataclass(frozen=True, slots=True)
class Overview:
    """How all stood at one moment.

    Attributes:
        pictures: By state; only those that have not ended.
        questions: Talks and descriptions that have not ended.
        failed: By reason, the most frequent first.
        workers, slots: Of workers whose sign of life is no older than a lease.
        resting: Providers that failed too often of late with a model.
        used_up: Chat models whose quota of the day is used up.
    """

    pictures: Mapping[State, int] = field(default_factory=dict)
    questions: int = 0
    finished: Count = Count()
    failed: Mapping[str, Count] = field(default_factory=dict)
    workers: int = 0
    slots: int = 0
    resting: tuple[Resting, ...] = ()
    used_up: tuple[Resting, ...] = ()


def look_over(database: Database) -> Overview:
    """Read how all stands."""
    now = present()
    with database.reading() as connection:
        finished, failed = _ended(connection, now)
        workers, slots = _alive(connection, now)
        resting, used_up = _resting(connection, now)
        return Overview(
            pictures=_under_way(connection),
            questions=_questions(connection),
            finished=finished,
            failed=failed,
            workers=workers,
            slots=slots,
            resting=resting,
            used_up=used_up,
        )


def _under_way(connection: Connection) -> dict[State, int]:
    state = tables.jobs.c.state
    # Each part has its own index.
    parts = (state_is(*IN_FLIGHT), state_is(State.HELD) & ALONE, state_is(State.HELD) & ~ALONE)
    counted = union_all(*(select(state, func.count()).where(part).group_by(state) for part in parts))
    under_way: Counter[State] = Counter()
    for name, count in connection.execute(counted):
        under_way[State(name)] += count
    return under_way


def _questions(connection: Connection) -> int:
    errands = tables.errands.c
    asked = select(func.count()).where(
        errands.kind.in_([ErrandKind.CHAT, ErrandKind.DESCRIBE]), errands.state.not_in(ENDED)
    )
    return connection.scalar(asked) or 0


def _ended(connection: Connection, now: datetime) -> tuple[Count, dict[str, Count]]:
    jobs = tables.jobs.c
    last_hour = func.sum(case((jobs.ended_at >= now - HOUR, 1), else_=0))
    counted = (
        select(jobs.state, jobs.reason, last_hour.label("hour"), func.count().label("day"))
        .where(state_is(State.FINISHED, State.FAILED), jobs.ended_at >= now - DAY)
        .group_by(jobs.state, jobs.reason)
        .order_by(func.count().desc(), jobs.reason)
    )
    rows = connection.execute(counted).all()
    finished = [row for row in rows if row.state == State.FINISHED]
    return (
        Count(sum(row.hour for row in finished), sum(row.day for row in finished)),
        {row.reason or "unexpected": Count(row.hour, row.day) for row in rows if row.state == State.FAILED},
    )


def _alive(connection: Connection, now: datetime) -> tuple[int, int]:
    workers = tables.workers.c
    alive = select(func.count(), func.coalesce(func.sum(workers.slots), 0)).where(workers.alive_until >= now)
    count, slots = connection.execute(alive).one()
    return count, slots


def _resting(connection: Connection, now: datetime) -> tuple[tuple[Resting, ...], tuple[Resting, ...]]:
    circuits = tables.circuits.c
    is_quota = circuits.provider.startswith(QUOTAS, autoescape=True)
    still = circuits.open_until > now
    opened = select(circuits.provider, circuits.model, circuits.open_until).where(still, ~is_quota)
    emptied = (
        select(circuits.model, func.max(circuits.open_until).label("open_until"), func.count().label("keys"))
        .where(still, is_quota)
        .group_by(circuits.model)
    )
    return (
        tuple(
            Resting(row.model, (row.open_until - now).total_seconds(), row.provider)
            for row in connection.execute(opened.order_by(circuits.provider, circuits.model))
        ),
        tuple(
            Resting(row.model, (row.open_until - now).total_seconds(), keys=row.keys)
            for row in connection.execute(emptied.order_by(circuits.model))
        ),
    )
