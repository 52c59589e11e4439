"""Delivery queue shared by jobs and errands: claim, send, acknowledge or retry."""

from abc import ABC
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from sqlalchemy import ColumnElement, Table, Update, bindparam, or_, select, update

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


def claim_of(table: Table, due: TableSelect, **values: object) -> ClaimStatement:
    """The statement that claims the first ``most`` of what is due, and writes these values as well."""
    first = due.limit(bindparam("rows")).with_for_update(skip_locked=True)
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
        claiming: ``claim_of`` that.
    """

    table: ClassVar[Table]
    due: ClassVar[TableSelect]
    claiming: ClassVar[ClaimStatement]

    def __init__(self, database: Database) -> None:
        self._database = database

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
        until = datetime.now(UTC) + LEASE
        with self._database.writing() as connection:
            connection.execute(update(self.table).where(self.table.c.id.in_(held)).values(delivery_lease_until=until))

    @retrying
    def _claim(self, bot_id: int, limit: int) -> Sequence[TableRow]:
        now = datetime.now(UTC)
        terms = {"bot": bot_id, "at": now}
        # Every change of any row makes a bot look here, and mostly nothing has ended: then nothing is locked.
        with self._database.reading() as connection:
            if connection.execute(self.due.limit(1), terms).first() is None:
                return []
        with self._database.writing() as connection:
            return connection.execute(self.claiming, terms | {"rows": limit, "until": now + LEASE}).all()

    def _again_in(self, row_id: int, seconds: float, tries: int | None, **values: object) -> None:
        later = datetime.now(UTC) + timedelta(seconds=seconds)
        given_back = self._of(row_id).values(delivery_lease_until=None, delivery_not_before=later, **values)
        if tries is not None:
            # A process that stood still must not give back what another one is delivering by now.
            given_back = given_back.where(self.table.c.delivery_tries <= tries, self.table.c.delivered_at.is_(None))
        with self._database.writing() as connection:
            connection.execute(given_back)

    def _of(self, row_id: int) -> Update:
        return update(self.table).where(self.table.c.id == row_id)
