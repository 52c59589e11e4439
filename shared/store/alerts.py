"""The rows of alerts to owners: noted where the cause occurs, sent by one process, once a period."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from shared.budgets import Budgets, Period
from shared.catalogue import GEMINI
from shared.clock import present
from shared.errors import BadCredentials, NoCredit
from shared.jobs import Attempt, State
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.database import Database, insert_new
from shared.store.depths import Depths, read_depths
from shared.store.spending import Spent, read_spent

NO_CREDIT = "no_credit"
REFUSED = {GOOGLE: "refused_google", HUGGINGFACE: "refused_huggingface"}
NO_WORKER, OLD_QUEUE = "no_worker", "old_queue"
LASTING = date(1970, 1, 1)  # the period of what is told once until it is over
WAITING = (State.HELD, State.QUEUED, State.WORKING, State.WAITING)
CALM = timedelta(minutes=15)  # so long after it was told, what is over may be told of again
WITHOUT_WORKER = timedelta(minutes=1)  # for which work waits before that is told: a restart takes less
LEVELS = (100, 80, 50)  # percent
NEARLY = 99  # percent from which on hardly anything fits, and all is taken for used up
TOLD_FOR = timedelta(days=1)  # what nobody could be told of by then is old

_alerts = tables.alerts.c


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that owners should know.

    Attributes:
        kind: ``no_credit``, ``refused_google``, ``refused_huggingface``, ``no_worker``, ``old_queue``, or
            ``money_day_80`` and the like.
        period: The first day of the day or month that it is told once in; ``LASTING``: once until it is over.
    """

    kind: str
    period: date


def note(database: Database, connection: Connection, kind: str, period: Period, now: datetime) -> None:
    """Let owners know of something, if they have not been told in this period."""
    of_it: dict[str, object] = {"kind": kind, "period": period.began(now).date()}
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
        is_googles = attempt.step == "prompt" or attempt.service.partition("/")[0] == GEMINI
        return REFUSED[GOOGLE if is_googles else HUGGINGFACE]
    return None


class Alerts:
    """What owners are to be told, one transaction a method."""

    def __init__(self, database: Database, budgets: Budgets, *, oldest: timedelta = timedelta(0)) -> None:
        """Hold the money against these limits.

        Args:
            oldest: How long work may wait in the queue; 0: for any time.
        """
        self._database = database
        self._oldest = oldest
        self._limits = {Period.DAY: budgets.money_a_day, Period.MONTH: budgets.money_a_month}

    def look_at_money(self, now: datetime | None = None) -> Spent:
        """Note how much of the money is used up, the highest level alone; returns what was spent."""
        now = now or present()
        with self._database.reading() as connection:
            spent = read_spent(connection, now)
        for period, most in self._limits.items():
            level = level_of(spent.in_period(period), most)
            if level is not None:
                with self._database.writing() as connection:
                    note(self._database, connection, f"money_{period}_{level}", period, now)
        return spent

    def look_at_queue(self, now: datetime | None = None) -> Depths:
        """Note that no worker lives while work waits, or that work waits for too long; each until that is over."""
        now, depths = now or present(), read_depths(self._database)
        waiting = depths.oldest_s(*WAITING)
        self._lasts(NO_WORKER, now, is_so=not depths.workers and waiting > WITHOUT_WORKER.total_seconds())
        most = self._oldest.total_seconds()
        self._lasts(OLD_QUEUE, now, is_so=most > 0 and depths.oldest_s(State.QUEUED) > most)
        return depths

    def _lasts(self, kind: str, now: datetime, *, is_so: bool) -> None:
        its_own = (_alerts.kind == kind, _alerts.period == LASTING)
        with self._database.reading() as connection:
            told = connection.execute(select(_alerts.noted_at, _alerts.told_at).where(*its_own)).first()
        if (told is not None) is is_so:
            return
        with self._database.writing() as connection:
            if is_so:
                new = insert_new(self._database, tables.alerts).values(kind=kind, period=LASTING, noted_at=now)
                connection.execute(new.on_conflict_do_nothing())
            else:
                # What comes and goes is not told of each time.
                connection.execute(delete(tables.alerts).where(*its_own, _alerts.noted_at < now - CALM))

    def take_untold(self) -> list[Alert]:
        """Claim the task to tell owners of what is noted: no other process gets the same."""
        now = present()
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


def level_of(used: int, limit: int) -> int | None:
    """The highest level that was reached, in percent; None below all, and without a limit. Pure."""
    if not limit:
        return None
    percent = used * 100 // limit
    return next((level for level in LEVELS if percent >= min(level, NEARLY)), None)
