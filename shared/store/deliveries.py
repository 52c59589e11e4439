"""Delivery queue shared by jobs and errands: claim, send, acknowledge or retry."""

from abc import ABC
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import ColumnElement, Table, Update, bindparam, or_, select, update

from shared.clock import present
from shared.jobs import State
from shared.store.database import Database, retrying
from shared.store.job_states import state_is
from shared.store.locks import in_order
from shared.store.types import ClaimStatement, TableRow, TableSelect

LEASE = timedelta(seconds=90)  # a process that delivers renews it while it lives

# Values of a row whose delivery begins anew.
ANEW = {
    "undelivered_reason": None,
    "delivered_at": None,
    "delivery_not_before": None,
    "delivery_lease_until": None,
    "delivery_tries": 0,
}


def due_for(table: Table, *conditions: ColumnElement[bool]) -> TableSelect:
    """The ids of what ended and may be brought home now; takes ``bot`` and ``at``, the present."""
    columns = table.c
    return select(columns.id).where(
        # In the words of the index.
        state_is(State.FINISHED, State.FAILED, State.CANCELLED, of=table),
        columns.delivered_at.is_(None),
        columns.bot_id == bindparam("bot"),
        or_(columns.delivery_lease_until.is_(None), columns.delivery_lease_until < bindparam("at")),
        or_(columns.delivery_not_before.is_(None), columns.delivery_not_before <= bindparam("at")),
        *conditions,
    )


def claims_of(table: Table, due: TableSelect, **values: object) -> tuple[ClaimStatement, ClaimStatement]:
    """The statements that claim the first ``rows`` of what is due, and write these values as well.

    Returns:
        One that passes over rows that somebody has locked, and one that waits for them; that is for one row alone.
    """
    first = due.limit(bindparam("rows"))
    locked = first.with_for_update(skip_locked=True), first.with_for_update()
    passing, waiting = (_claiming(table, one, values) for one in locked)
    return passing, waiting


def _claiming(table: Table, first: TableSelect, values: Mapping[str, object]) -> ClaimStatement:
    return (
        update(table)
        .where(table.c.id.in_(first))
        .values(delivery_lease_until=bindparam("until"), delivery_tries=table.c.delivery_tries + 1, **values)
        .returning(table)
    )


class Deliveries(ABC):
    """The deliveries of one table, one transaction a method; any bot process may claim any of them.

    Attributes:
        table: Where the rows stand.
        due: ``due_for`` it, in the order to deliver. Built once: putting it together takes longer than running it.
        claiming: ``claims_of`` that.
    """

    table: ClassVar[Table]
    due: ClassVar[TableSelect]
    claiming: ClassVar[tuple[ClaimStatement, ClaimStatement]]

    def __init__(self, database: Database) -> None:
        self._database = database
        self._any_due = self.due.limit(1)

    @retrying
    def release_all(self, bot_id: int) -> None:
        """Free what a bot process that died had claimed, when no other can be alive."""
        columns = self.table.c
        with self._database.writing() as connection:
            claimed = in_order(
                self.table,
                columns.bot_id == bot_id,
                columns.delivered_at.is_(None),
                columns.delivery_lease_until.is_not(None),
            )
            connection.execute(update(self.table).where(columns.id.in_(claimed)).values(delivery_lease_until=None))

    @retrying
    def renew(self, ids: Collection[int]) -> None:
        """Let the leases of what is still being delivered run anew."""
        held = in_order(self.table, self.table.c.id.in_(ids), self.table.c.delivery_lease_until.is_not(None))
        until = present() + LEASE
        with self._database.writing() as connection:
            connection.execute(update(self.table).where(self.table.c.id.in_(held)).values(delivery_lease_until=until))

    @retrying
    def _claim(self, bot_id: int, limit: int, *, is_told: bool = False) -> Sequence[TableRow]:
        """Claim what is due; of rows that somebody else has locked one at most, where nothing else is due.

        Args:
            is_told: That something has ended. Without news there is mostly nothing, and then nothing is locked.
        """
        now = present()
        terms = {"bot": bot_id, "at": now, "until": now + LEASE}
        passing, waiting = self.claiming
        if not is_told and not self._is_any_due(bot_id, now):
            return []
        with self._database.writing() as connection:
            found = connection.execute(passing, terms | {"rows": limit}).all()
        if found or not self._is_any_due(bot_id, now):
            return found
        # The bot itself may be noting the number of its status message: the news of its end comes once.
        with self._database.writing() as connection:
            return connection.execute(waiting, terms | {"rows": 1}).all()

    def _is_any_due(self, bot_id: int, now: datetime) -> bool:
        with self._database.reading() as connection:
            return connection.execute(self._any_due, {"bot": bot_id, "at": now}).first() is not None

    def _again_in(self, row_id: int, seconds: float, tries: int | None, **values: object) -> None:
        later = present() + timedelta(seconds=seconds)
        given_back = self._of(row_id).values(delivery_lease_until=None, delivery_not_before=later, **values)
        if tries is not None:
            # A process that stood still must not give back what another one is delivering by now.
            given_back = given_back.where(self.table.c.delivery_tries <= tries, self.table.c.delivered_at.is_(None))
        with self._database.writing() as connection:
            connection.execute(given_back)

    def _of(self, row_id: int) -> Update:
        return update(self.table).where(self.table.c.id == row_id)
