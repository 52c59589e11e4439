"""What the owner's keys have cost: booked with the calls themselves, and held against the owner's limits.

Each day has several rows, and a call is booked in any of them: two that end at the same time need not wait for one
another. A row is the last that its transaction locks.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select, text

from shared.batches import BatchState
from shared.budgets import Budgets, Period
from shared.errors import BudgetUsedUp
from shared.store import tables
from shared.store.database import AnyInsert, Database, InsertInto, built_once
from shared.store.job_states import UNDER_WAY, state_is
from shared.store.locks import AdvisoryLock

PARTS = 8  # rows of a day
# What is left must suffice for so many requests like this one, and be so large a part of the limit; else those who ask
# wait for one another.
PLENTY, PLENTY_OF_LIMIT = 20, 20
REASONS = {Period.DAY: "budget_money_day", Period.MONTH: "budget_money_month"}

_spending, _jobs, _batches = tables.spending.c, tables.jobs.c, tables.batches.c
_RUNNING = _batches.state.in_([str(BatchState.RUNNING), str(BatchState.PAUSED)])


@dataclass(frozen=True, slots=True)
class Spent:
    """In millionths of a dollar.

    Attributes:
        day, month: Since it began.
        reserved: What all that is under way may cost.
    """

    day: int = 0
    month: int = 0
    reserved: int = 0

    def in_period(self, period: Period) -> int:
        """What was spent in it."""
        return self.day if period is Period.DAY else self.month


@built_once
def _booking(insert: InsertInto) -> AnyInsert:
    new = insert(tables.spending)
    more = {"cost": _spending.cost + new.excluded.cost}
    return new.on_conflict_do_update(index_elements=["day", "part"], set_=more)


def book(database: Database, connection: Connection, cost: int, now: datetime) -> None:
    """Add to what was spent on a day; the last thing that a transaction does."""
    if cost == 0:
        return
    part = 0 if database.is_sqlite else random.randrange(PARTS)
    connection.execute(_booking(database), {"day": Period.DAY.began(now).date(), "part": part, "cost": cost})


def read_spent(connection: Connection, now: datetime) -> Spent:
    """What was spent, and what is under way, in one statement: what ends meanwhile is in one of the sums."""
    of_today = case((_spending.day >= Period.DAY.began(now).date(), _spending.cost), else_=0)
    paid = (
        select(func.sum(of_today).label("day"), func.sum(_spending.cost).label("month"))
        .where(_spending.day >= Period.MONTH.began(now).date())
        .subquery()
    )
    # In the words of the index; what is ordered at a provider is booked already.
    under_way = (text("jobs.estimate > 0"), state_is(*UNDER_WAY), _jobs.handle.is_(None))
    jobs = select(func.sum(_jobs.estimate)).where(*under_way).scalar_subquery()
    waiting = (text("batches.unwritten > 0"), _RUNNING)
    share = _batches.estimate * _batches.unwritten / _batches.pictures
    batches = select(func.sum(share)).where(*waiting).scalar_subquery()
    row = connection.execute(select(paid.c.day, paid.c.month, jobs, batches)).one()
    day, month, of_jobs, of_batches = (int(value or 0) for value in row)
    return Spent(day, month, of_jobs + of_batches)


def require_money(database: Database, connection: Connection, budgets: Budgets, cost: int, now: datetime) -> None:
    """Check that what something may cost fits what the owner wants to spend.

    Where little is left, those who ask wait for one another until their transactions end; where much is, several may
    be let in at the same time, and the limit is met to within what these cost.

    Raises:
        BudgetUsedUp: It doesn't.
    """
    limits = {Period.DAY: budgets.money_a_day, Period.MONTH: budgets.money_a_month}
    limits = {period: most for period, most in limits.items() if most}
    if not limits:
        return
    spent = read_spent(connection, now)
    if any(_left(spent, period, most) < max(PLENTY * cost, most // PLENTY_OF_LIMIT) for period, most in limits.items()):
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(AdvisoryLock.MONEY)))
        spent = read_spent(connection, now)
    for period, most in limits.items():
        if _left(spent, period, most) < max(cost, 1):
            raise BudgetUsedUp(REASONS[period], period.seconds_left(now))


def _left(spent: Spent, period: Period, limit: int) -> int:
    return limit - spent.in_period(period) - spent.reserved


class Spending:
    """What was spent, for the owner to read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, now: datetime) -> Spent:
        """What was spent so far, and what is under way."""
        with self._database.reading() as connection:
            return read_spent(connection, now)
