"""What was paid for on the owner's keys, and what is under way: the sums that budgets are held against.

What is under way is counted from the jobs' own rows, which end in some way whatever happens to a worker, so nothing
stays reserved that nobody paints. What was paid for is in ``attempts``, also where nobody got it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, TextClause, bindparam, case, func, select, text

from shared.access import MANAGERS
from shared.batches import BatchState
from shared.budgets import Budgets, Period
from shared.errors import BudgetUsedUp
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import UNDER_WAY, state_is
from shared.store.locks import AdvisoryLock

SERVICES = frozenset({GOOGLE, HUGGINGFACE})
REASONS = {Period.DAY: "budget_day", Period.MONTH: "budget_month"}

_jobs, _batches, _attempts = tables.jobs.c, tables.batches.c, tables.attempts.c
_RUNNING = _batches.state.in_([str(BatchState.RUNNING), str(BatchState.PAUSED)])
# What is ordered at a provider is among the attempts already.
# In the words of the index.
_RESERVED = (text("jobs.owner_pays"), state_is(*UNDER_WAY), _jobs.handle.is_(None))
_BROUGHT = select(tables.keys.c.service).where(tables.keys.c.user_id == bindparam("whose"))


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and which bot.

    Attributes:
        group: The group chat; None in private. A group that was let in answers for its members.
        is_terminal: A person with a terminal on the machine is the owner.
    """

    bot_id: int
    user_id: int
    group: int | None = None
    is_terminal: bool = False

    @property
    def private(self) -> bool:
        """Whether in private."""
        return self.group is None


@dataclass(frozen=True, slots=True)
class Used:
    """Pictures that somebody had on the owner's key.

    Attributes:
        day, month: Paid for since it began.
        reserved: Under way at present.
    """

    day: int = 0
    month: int = 0
    reserved: int = 0

    def in_period(self, period: Period) -> int:
        """What counts."""
        return self.reserved + (self.day if period is Period.DAY else self.month)


def lock_group(database: Database, connection: Connection, budgets: Budgets, group: int | None) -> None:
    """Let the members of a group ask one after the other; before any row of ``users`` is locked."""
    if group is not None and budgets.pictures_in_group_a_day and not database.is_sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(AdvisoryLock.GROUP_BUDGET, func.hashint8(group))))


def paid_by_owner(connection: Connection, user_id: int) -> frozenset[str]:
    """The services that somebody uses on the owner's keys: they brought none of their own, not even a refused one."""
    return SERVICES - set(connection.scalars(_BROUGHT, {"whose": user_id}))


def require_budget(connection: Connection, asker: Asker, budgets: Budgets, count: int, now: datetime) -> None:
    """Check that so many pictures more fit what somebody, and their group, may have on the owner's key.

    To be called with the person's row in ``users`` locked, and the group (``lock_group``).

    Raises:
        BudgetUsedUp: They don't.
    """
    if asker.is_terminal or not _is_limited(connection, asker, budgets):
        return
    limits = ((Period.DAY, budgets.pictures_a_day), (Period.MONTH, budgets.pictures_a_month))
    if budgets.are_personal:
        used = used_by(connection, asker.user_id, now, longest=_longest(budgets))
        for period, most in limits:
            _require(REASONS[period], period, now, used=used.in_period(period), count=count, limit=most)
    most_in_group = budgets.pictures_in_group_a_day
    if asker.group is not None and most_in_group:
        in_group = used_in_group(connection, asker.group, now).in_period(Period.DAY)
        _require("budget_group", Period.DAY, now, used=in_group, count=count, limit=most_in_group)


def require_tokens(connection: Connection, asker: Asker, budgets: Budgets, now: datetime) -> None:
    """Check that somebody has tokens left for a question on the owner's key; the last one may take more than that.

    Raises:
        BudgetUsedUp: They have none.
    """
    if not budgets.tokens_a_day or is_unlimited(connection, asker.bot_id, asker.user_id, budgets):
        return
    if tokens_of(connection, asker.user_id, now) >= budgets.tokens_a_day:
        raise BudgetUsedUp("budget_tokens", Period.DAY.seconds_left(now))


def tokens_of(connection: Connection, user_id: int, now: datetime) -> int:
    """What Gemini read and wrote for somebody today on the owner's key: prompts, answers and descriptions."""
    today, errands = Period.DAY.began(now), tables.errands.c
    of_prompts = select(func.sum(_attempts.tokens_in + _attempts.tokens_out)).where(
        _attempts.user_id == user_id, _attempts.at >= today
    )
    of_questions = select(func.sum(errands.owner_tokens)).where(
        errands.user_id == user_id, text("errands.owner_tokens > 0"), errands.ended_at >= today
    )
    row = connection.execute(select(of_prompts.scalar_subquery(), of_questions.scalar_subquery())).one()
    return sum(int(value or 0) for value in row)


def _longest(budgets: Budgets) -> Period:
    """The longest period for which a person has a limit: what is older need not be read."""
    return Period.MONTH if budgets.pictures_a_month else Period.DAY


def _require(reason: str, period: Period, now: datetime, *, used: int, count: int, limit: int) -> None:
    if limit and used + count > limit:
        left = max(limit - used, 0)
        raise BudgetUsedUp(reason, period.seconds_left(now), left=left, most=limit, count=count)


def _is_limited(connection: Connection, asker: Asker, budgets: Budgets) -> bool:
    """Whether anything is counted of somebody; of owners and admins nothing is."""
    if not (budgets.are_personal or (asker.group is not None and budgets.pictures_in_group_a_day)):
        return False
    return not is_unlimited(connection, asker.bot_id, asker.user_id, budgets)


def is_unlimited(connection: Connection, bot_id: int, user_id: int, budgets: Budgets) -> bool:
    """Whether somebody is an owner or an admin."""
    if user_id in budgets.unlimited:
        return True
    access = tables.access.c
    of_person = select(access.role).where(access.bot_id == bot_id, access.id == user_id)
    return connection.scalar(of_person) in MANAGERS


def used_by(connection: Connection, user_id: int, now: datetime, *, longest: Period = Period.MONTH) -> Used:
    """What a person had, in private and in groups, as far as it is of the longest period that matters."""
    paid = (_attempts.user_id == user_id, _attempts.at >= longest.began(now))
    return _used(connection, now, paid, (_jobs.user_id == user_id,), _batches.user_id == user_id)


def used_in_group(connection: Connection, group: int, now: datetime) -> Used:
    """What the members of a group had in it today."""
    paid = (_attempts.group_id == group, _attempts.at >= Period.DAY.began(now))
    under_way = (_jobs.chat_id == group, text("NOT jobs.private"))
    return _used(connection, now, paid, under_way, _batches.chat_id == group)


def _used(
    connection: Connection,
    now: datetime,
    paid_for: Sequence[ColumnElement[bool]],
    under_way: Sequence[ColumnElement[bool] | TextClause],
    waiting: ColumnElement[bool],
) -> Used:
    """Count in one statement: a picture that ends meanwhile is in one of the sums, never in none."""
    of_today = case((_attempts.at >= Period.DAY.began(now), _attempts.pictures), else_=0)
    paid = (
        select(func.sum(of_today).label("day"), func.sum(_attempts.pictures).label("month")).where(*paid_for).subquery()
    )
    reserved = select(func.count()).select_from(tables.jobs).where(*under_way, *_RESERVED).scalar_subquery()
    unwritten = select(func.sum(_batches.unwritten)).where(waiting, text("batches.unwritten > 0"), _RUNNING)
    ours = unwritten.where(_batches.owner_pays).scalar_subquery()
    row = connection.execute(select(paid.c.day, paid.c.month, reserved, ours)).one()
    day, month, jobs, batches = (value or 0 for value in row)
    return Used(day, month, jobs + batches)
