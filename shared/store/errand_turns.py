"""Whose errand is next: the oldest that may begin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, exists, or_

from shared.errands import SILENT, Errand
from shared.jobs import State
from shared.store import tables
from shared.store.leases import Leases, claim_of, wake_waiting
from shared.store.line import state_is
from shared.store.locks import AdvisoryLock
from shared.store.rows import read_errand


def _may_begin() -> ColumnElement[bool]:
    """Queued, and no earlier turn of the same conversation is under way."""
    errands = tables.errands.c
    earlier = tables.errands.alias()
    under_way = exists().where(
        earlier.c.conversation_id == errands.conversation_id,
        earlier.c.id < errands.id,
        earlier.c.state.in_([State.QUEUED, State.WORKING, State.WAITING]),
    )
    return state_is(State.QUEUED, of=tables.errands) & or_(errands.conversation_id.is_(None), ~under_way)


NEXT = claim_of(tables.errands, _may_begin(), (tables.errands.c.id,))


class ErrandTurns(Leases):
    """The order of errands, and their leases."""

    table = tables.errands
    wake = wake_waiting(tables.errands)
    sweep_lock = AdvisoryLock.SWEEP_ERRANDS

    def claim_next(self, worker: str) -> Errand | None:
        """Take the oldest errand that may begin, for as long as the lease runs; None when there is none.

        Turns of one conversation are taken one after the other, in the order in which they were asked.
        """
        row = self._claim_next(worker, NEXT)
        return read_errand(row) if row is not None else None

    def _may_begin(self) -> ColumnElement[bool]:
        return _may_begin()

    def _begun(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        """Nothing: what an errand comes to is written down when there is something."""

    def _tell(self, connection: Connection, row_id: int) -> None:
        self._database.tell_of_errand(connection, row_id)

    def _given_up(self, hopeless: ColumnElement[bool], now: datetime) -> dict[str, Any]:
        unheard = hopeless & tables.errands.c.kind.in_([str(kind) for kind in SILENT])
        return {"delivered_at": case((unheard, now), else_=None)}

    def _lost(self, connection: Connection, ids: Sequence[int], now: datetime) -> None:
        """Nothing: a lost errand is all that ends."""

    def _repair(self) -> None:
        """Nothing: no errand is held back for another one's sake."""
