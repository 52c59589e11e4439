"""The owner's figures are sums over the record, by day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.jobs import Attempt
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.stats import ModelUse, Stats, Times, read_stats
from tests.builders import FOX_RECIPE, RED_FOX, an_attempt, submit_and_claim, submit_and_fail

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
A_DAY = timedelta(days=1)


def finished(database: Database, *attempts: Attempt, **request: Any) -> int:
    job = submit_and_claim(database, **request)
    Jobs(database).keep_prompt(job, RED_FOX)
    Jobs(database).finish(
        job, FOX_RECIPE, image_key=str(job.id), media_type="image/jpeg", attempts=attempts or [an_attempt()]
    )
    return job.id


def paid(cost: int = 3_000, **values: Any) -> Attempt:
    return an_attempt(**{"pictures": 1, "owner_pays": True, "cost": cost} | values)


def move(database: Database, job_id: int, *, days: int = 0, waited: float = 0.0, painted: float = 0.0) -> None:
    """Let a job have ended at noon some days ago, after so many seconds."""
    ended = NOON - days * A_DAY
    started = ended - timedelta(seconds=painted)
    moment = {"created_at": started - timedelta(seconds=waited), "started_at": started, "ended_at": ended}
    with database.writing() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.id == job_id).values(moment))
        connection.execute(update(tables.attempts).where(tables.attempts.c.job_id == job_id).values(at=ended))


def read(database: Database, days: int = 7) -> Stats:
    return read_stats(database, days, NOON)


def test_of_nothing_each_day_is_empty(database: Database) -> None:
    stats = read(database)

    assert [one.day for one in stats.days] == [(NOON - number * A_DAY).date() for number in range(6, -1, -1)]
    assert stats.total("calls") == stats.total("finished") == stats.people == 0
    assert (stats.waiting, stats.painting, stats.models, stats.reasons) == (None, None, (), {})


def test_outcomes_belong_to_the_day_on_which_they_ended(database: Database) -> None:
    move(database, finished(database, user=8), days=1)
    move(database, finished(database), days=1)
    move(database, submit_and_fail(database, reason="no_credit").id, days=1)
    move(database, submit_and_fail(database, reason="service_busy").id)
    move(database, finished(database), days=7)

    stats = read(database)

    assert [(one.finished, one.failed) for one in stats.days[-2:]] == [(2, 1), (0, 1)]
    assert (stats.total("finished"), stats.total("failed"), stats.people) == (2, 2, 2)
    assert stats.reasons == {"no_credit": 1, "service_busy": 1}


@pytest.mark.parametrize("days", [1, 2, 90])
def test_sums_are_those_of_the_calls_and_of_what_was_booked(database: Database, days: int) -> None:
    for cost in (3_000, 25_000):
        finished(database, an_attempt(step="prompt", tokens_in=9, cost=7, owner_pays=True), paid(cost))
    job = submit_and_claim(database)
    Jobs(database).give_up(job, "no_credit", [an_attempt(outcome="no_credit"), paid(1, pictures=-1)])

    stats, calls, spending = read_stats(database, days), tables.attempts.c, tables.spending.c

    summed = select(func.count(), func.sum(calls.pictures), func.sum(calls.cost))
    with database.reading() as connection:
        assert connection.execute(summed).one() == tuple(map(stats.total, ("calls", "pictures", "of_calls")))
        assert connection.scalar(select(func.sum(spending.cost))) == stats.total("cost") == 28_015


def test_times_are_those_of_half_and_of_nineteen_in_twenty(database: Database) -> None:
    for number in range(1, 21):
        move(database, finished(database), days=number % 2, waited=number, painted=10 * number)

    stats = read(database)

    assert _rounded(stats.waiting) == (10, 19)
    assert _rounded(stats.painting) == (100, 190)
    assert [_rounded(one.painting) for one in stats.days[-2:]] == [(90, 190), (100, 200)]


def test_models_are_told_by_what_they_were_paid_for(database: Database) -> None:
    finished(database, an_attempt(outcome="service_busy", model="org/idle"), paid(), paid(model="org/other"))
    finished(database, paid())

    assert read_stats(database, 1).models == (ModelUse("org/model", 2, 6_000), ModelUse("org/other", 1, 3_000))


def _rounded(times: Times | None) -> tuple[int, int] | None:
    return times and (round(times.p50), round(times.p95))
