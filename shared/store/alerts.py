"""What owners are told of once in a period: noted where it happens, and told by one process."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from shared.budgets import Budgets, Period
from shared.errors import BadCredentials, NoCredit
from shared.jobs import Attempt
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.database import Database
from shared.store.line import insert_new
from shared.store.spending import Spent, read_spent

NO_CREDIT = "no_credit"
REFUSED = {GOOGLE: "refused_google", HUGGINGFACE: "refused_huggingface"}
LEVELS = (100, 80, 50)  # percent
NEARLY = 99  # percent from which on hardly anything fits, and all is taken for used up
TOLD_FOR = timedelta(days=1)  # what nobody could be told of by then is old

_alerts = tables.alerts.c


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that owners should know.

    Attributes:
        kind: ``no_credit``, ``refused_google``, ``refused_huggingface``, or ``money_day_80`` and the like.
        period: The first day of the day or month that it is told once in.
    """

    kind: str
    period: date


def note(database: Database, connection: Connection, kind: str, period: Period, now: datetime) -> None:
    """Let owners know of something, if they have not been told in this period."""
    of_it: dict[str, Any] = {"kind": kind, "period": period.began(now).date()}
    # Reading first: what happens to every job in turn should not be an INSERT for each.
    known = select(_alerts.kind).where(_alerts.kind == of_it["kind"], _alerts.period == of_it["period"])
    if connection.scalar(known) is None:
        new = insert_new(database, tables.alerts).values(**of_it, noted_at=now)
        connection.execute(new.on_conflict_do_nothing())


def note_calls(database: Database, connection: Connection, attempts: Iterable[Attempt], now: datetime) -> None:
    """Let owners know of calls on their keys that were refused, or that their account does not pay for any more."""
    for kind in sorted({kind for attempt in attempts if (kind := _kind(attempt)) is not None}):
        note(database, connection, kind, Period.DAY, now)


def _kind(attempt: Attempt) -> str | None:
    if not attempt.owner_pays:
        return None
    if attempt.outcome == NoCredit.reason:
        return NO_CREDIT
    if attempt.outcome == BadCredentials.reason:
        return REFUSED[GOOGLE if attempt.step == "prompt" else HUGGINGFACE]
    return None


class Alerts:
    """What owners are to be told, one transaction a method."""

    def __init__(self, database: Database, budgets: Budgets) -> None:
        self._database = database
        self._limits = {Period.DAY: budgets.money_a_day, Period.MONTH: budgets.money_a_month}

    def look_at_money(self, now: datetime | None = None) -> Spent:
        """Note how much of the money is used up, the highest level alone; returns what was spent."""
        now = now or datetime.now(UTC)
        with self._database.reading() as connection:
            spent = read_spent(connection, now)
        for period, most in self._limits.items():
            level = level_of(spent.in_period(period), most)
            if level is not None:
                with self._database.writing() as connection:
                    note(self._database, connection, f"money_{period}_{level}", period, now)
        return spent

    def take_untold(self) -> list[Alert]:
        """Take it upon oneself to tell owners of what is noted: no other process gets the same."""
        now = datetime.now(UTC)
        untold = (_alerts.told_at.is_(None), _alerts.noted_at > now - TOLD_FOR)
        with self._database.reading() as connection:
            if connection.scalar(select(_alerts.kind).where(*untold).limit(1)) is None:
                return []
        taken = update(tables.alerts).where(*untold).values(told_at=now).returning(_alerts.kind, _alerts.period)
        with self._database.writing() as connection:
            return sorted((Alert(*row) for row in connection.execute(taken)), key=lambda one: one.kind)

    def not_told(self, alert: Alert) -> None:
        """Nobody could be told: it is taken again later."""
        with self._database.writing() as connection:
            its_own = (_alerts.kind == alert.kind, _alerts.period == alert.period)
            connection.execute(update(tables.alerts).where(*its_own).values(told_at=None))


def level_of(used: int, most: int) -> int | None:
    """The highest level that was reached, in percent; None below all, and without a limit. Pure."""
    if not most:
        return None
    percent = used * 100 // most
    return next((level for level in LEVELS if percent >= min(level, NEARLY)), None)
