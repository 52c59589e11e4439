"""The rows of the model lists that workers refresh."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from shared.clock import present
from shared.store import tables
from shared.store.database import Database, insert_new

IMAGE, CHAT = "image", "chat"
_STAMP = ""  # the id of a row that is no model: it keeps the time when a service was asked last


class Models:
    """The rows of models, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, kind: str, every: timedelta) -> bool:
        """Whether it is time to ask the service again; of several processes that ask at once, one is told so."""
        models, now = tables.models.c, present()
        stamp = insert_new(self._database, tables.models).values(_stamp(kind, now))
        claim = stamp.on_conflict_do_update(
            index_elements=[models.kind, models.id],
            set_={"seen_at": now},
            where=models.seen_at <= now - every,
        ).returning(models.kind)
        with self._database.writing() as connection:
            return connection.execute(claim).first() is not None

    def replace(self, kind: str, cards: Mapping[str, Mapping[str, object]]) -> None:
        """Keep these models alone, in their order.

        Args:
            cards: Model's id → the service's description of it, as JSON.
        """
        models, now = tables.models.c, present()
        stamp = insert_new(self._database, tables.models).values(_stamp(kind, now))
        rows = [
            {"kind": kind, "id": model_id, "place": place, "card": dict(card), "seen_at": now}
            for place, (model_id, card) in enumerate(cards.items())
        ]
        with self._database.writing() as connection:
            # The stamp first: another writer of a list waits at it.
            connection.execute(
                stamp.on_conflict_do_update(index_elements=[models.kind, models.id], set_={"seen_at": now})
            )
            connection.execute(delete(tables.models).where(models.kind == kind, models.id != _STAMP))
            if rows:
                connection.execute(insert(tables.models), rows)

    def all(self, kind: str) -> dict[str, object]:
        """Model's id → its card, in their order; empty while no service was ever asked."""
        models = tables.models.c
        wanted = select(models.id, models.card).where(models.kind == kind, models.id != _STAMP).order_by(models.place)
        with self._database.reading() as connection:
            return {row.id: row.card for row in connection.execute(wanted)}


def _stamp(kind: str, now: datetime) -> dict[str, object]:
    return {"kind": kind, "id": _STAMP, "place": -1, "card": {}, "seen_at": now}
