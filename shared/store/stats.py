"""Figures for ``/stats`` over some days: pictures by outcome, times, cost, models.

All sums are made in the database, over rows that an index finds by their day. Days are those of UTC.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Date, Float, Integer, case, cast, distinct, func, select

from shared.budgets import Period
from shared.clock import present
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import ALONE, state_is

MAX_DAYS = 90
MAX_MODELS = 5
MAX_REASONS = 10
HALF, MOST = 0.5, 0.95
MINUTE_S, DAY_S = 60.0, 86_400.0
ONE_DAY = timedelta(days=1)

_jobs, _attempts, _spending = tables.jobs.c, tables.attempts.c, tables.spending.c
Instant: TypeAlias = ColumnElement[datetime]


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in seconds: half of all were as quick, and 19 of 20."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figures.

    Attributes:
        finished, failed: Pictures that ended on it.
        calls, pictures, of_calls: Calls to services for pictures, what was paid for, and what that cost.
        cost: All that the owner's keys cost, questions included; millionths of a dollar, as the one before.
        waiting: From the request to the first worker, of pictures asked for alone.
        painting: From the first worker to the picture.
    """

    day: date
    finished: int = 0
    failed: int = 0
    calls: int = 0
    pictures: int = 0
    of_calls: int = 0
    cost: int = 0
    waiting: Times | None = None
    painting: Times | None = None


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one image model was paid for."""

    model: str
    pictures: int
    cost: int


@dataclass(frozen=True, slots=True)
class Stats:
    """How the installation has done; ``waiting`` and ``painting`` are over all days, as in ``Day``."""

    days: tuple[Day, ...]
    people: int = 0
    waiting: Times | None = None
    painting: Times | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    models: tuple[ModelUse, ...] = ()

    def total(self, name: str) -> int:
        """The sum of one of the days' counts."""
        return sum(int(getattr(day, name)) for day in self.days)


def read_stats(database: Database, days: int, now: datetime | None = None) -> Stats:
    """Add up so many days, 1 to 90, today the last of them."""
    today = Period.DAY.began(now or present())
    first = today - (min(max(days, 1), MAX_DAYS) - 1) * ONE_DAY
    dates = [(first + number * ONE_DAY).date() for number in range((today - first).days + 1)]
    ended = [_jobs.ended_at >= first, _jobs.ended_at < today + ONE_DAY]
    made = [_attempts.at >= first, _attempts.at < today + ONE_DAY]
    with database.reading() as connection:
        figures: dict[date, dict[str, Any]] = {day: {} for day in dates}
        outcomes, reasons = _outcomes(connection, ended)
        calls, models = _calls(connection, made)
        whole: dict[str, Times] = {}
        for name, counted in _durations(connection, database, ended).items():
            for day, counts in counted.items():
                figures[day][name] = times_of(counts)
            whole |= {name: times_of(sum(counted.values(), Counter()))} if counted else {}
        for part in (outcomes, calls, _cost(connection, dates)):
            for day, values in part.items():
                figures[day] |= values
        return Stats(
            days=tuple(Day(day, **values) for day, values in figures.items()),
            people=connection.scalar(select(func.count(distinct(_jobs.user_id))).where(_has_ended(), *ended)) or 0,
            reasons=reasons,
            models=models,
            **whole,
        )


def times_of(counts: Mapping[int, int]) -> Times:
    """Percentiles of durations that were counted by tenths of a second. Pure."""
    among, place, found = sum(counts.values()), 0, list[float]()
    wanted = [among * part for part in (HALF, MOST)]
    for tenths in sorted(counts):
        place += counts[tenths]
        while len(found) < len(wanted) and place >= wanted[len(found)]:
            found.append(tenths / 10)
    return Times(*found)


def _has_ended() -> ColumnElement[bool]:
    return state_is(State.FINISHED, State.FAILED)


def _day(instant: Instant) -> ColumnElement[date]:
    return func.date(instant, type_=Date)


def _outcomes(
    connection: Connection, ended: list[ColumnElement[bool]]
) -> tuple[dict[date, dict[str, int]], dict[str, int]]:
    """Counts by day, and those that failed by reason, the most frequent first."""
    day = _day(_jobs.ended_at)
    counted = select(day, _jobs.state, _jobs.reason, func.count()).where(_has_ended(), *ended)
    by_day: dict[date, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for at, state, reason, count in connection.execute(counted.group_by(day, _jobs.state, _jobs.reason)):
        by_day.setdefault(at, Counter())[state] += count
        if state == State.FAILED:
            reasons[reason or "unexpected"] += count
    outcomes = {at: {"finished": one[State.FINISHED], "failed": one[State.FAILED]} for at, one in by_day.items()}
    return outcomes, dict(sorted(reasons.items(), key=lambda one: (-one[1], one[0]))[:MAX_REASONS])


def _calls(
    connection: Connection, made: list[ColumnElement[bool]]
) -> tuple[dict[date, dict[str, int]], tuple[ModelUse, ...]]:
    """Sums by day, and the image models that were paid for most."""
    groups = (_day(_attempts.at), _attempts.step, _attempts.model)
    counted = select(*groups, func.count(), func.sum(_attempts.pictures), func.sum(_attempts.cost))
    by_day: dict[date, Counter[str]] = {}
    models: dict[str, Counter[str]] = {}
    for day, step, model, calls, pictures, cost in connection.execute(counted.where(*made).group_by(*groups)):
        by_day.setdefault(day, Counter()).update({"calls": calls, "pictures": pictures, "of_calls": int(cost)})
        if step == "image":
            models.setdefault(model, Counter()).update({"pictures": pictures, "cost": int(cost)})
    used = (ModelUse(model, one["pictures"], one["cost"]) for model, one in models.items() if one["pictures"] > 0)
    most = tuple(sorted(used, key=lambda one: (-one.pictures, one.model))[:MAX_MODELS])
    return {day: dict(one) for day, one in by_day.items()}, most


def _cost(connection: Connection, dates: list[date]) -> dict[date, dict[str, int]]:
    between = (_spending.day >= dates[0], _spending.day <= dates[-1])
    summed = select(_spending.day, func.sum(_spending.cost)).where(*between).group_by(_spending.day)
    return {row[0]: {"cost": int(row[1])} for row in connection.execute(summed)}


def _durations(
    connection: Connection, database: Database, ended: list[ColumnElement[bool]]
) -> dict[str, dict[date, Counter[int]]]:
    """How many pictures of each day waited, and were painted, for how many tenths of a second."""
    finished = [_has_ended(), _jobs.state == State.FINISHED, _jobs.started_at.is_not(None), *ended]
    waited = _seconds(database, _jobs.started_at, _jobs.created_at)
    painted = _seconds(database, _jobs.ended_at, _jobs.started_at)
    return {
        "waiting": _counted(connection, waited, [*finished, ALONE]),
        "painting": _counted(connection, painted, finished),
    }


def _counted(
    connection: Connection, seconds: ColumnElement[float], which: list[ColumnElement[bool]]
) -> dict[date, Counter[int]]:
    # Counted, not sorted: percentiles of a million durations are to take no minute. From a minute on, in seconds.
    tenths = case((seconds < MINUTE_S, func.round(seconds * 10)), else_=func.round(seconds) * 10)
    groups = (_day(_jobs.ended_at), cast(tenths, Integer))
    found: dict[date, Counter[int]] = {}
    for day, duration, count in connection.execute(select(*groups, func.count()).where(*which).group_by(*groups)):
        found.setdefault(day, Counter())[max(duration, 0)] += count
    return found


def _seconds(
    database: Database, later: ColumnElement[datetime], earlier: ColumnElement[datetime]
) -> ColumnElement[float]:
    if database.is_sqlite:
        return (func.julianday(later) - func.julianday(earlier)) * DAY_S
    return cast(func.extract("epoch", later - earlier), Float)
