"""Telegram's updates, written down before Telegram may forget them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from shared.store import tables
from shared.store.database import Database
from shared.store.line import insert_new

AROUND_ALBUM = 30  # updates: ten of the album itself, and what others write at the same moment
MAX_TRIES = 20  # five minutes; what fails longer is no matter of waiting


@dataclass(frozen=True, slots=True)
class RawUpdate:
    """An update as Telegram sent it: JSON text, and whether our library can parse it."""

    update_id: int
    body: str
    readable: bool = True


class Updates:
    """The intake's book, one transaction a method."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id

    def keep(self, updates: Iterable[RawUpdate]) -> frozenset[int]:
        """Write down updates; one that is known already stays as it is.

        Returns:
            Ids of those that need no handling: handled before, or unreadable.
        """
        now = datetime.now(UTC)
        rows = [
            {
                "bot_id": self._bot_id,
                "update_id": one.update_id,
                "body": one.body,
                "readable": one.readable,
                "received_at": now,
                "handled_at": None if one.readable else now,
            }
            for one in updates
        ]
        if not rows:
            return frozenset()
        known = tables.updates.c
        with self._database.writing() as connection:
            connection.execute(insert_new(self._database, tables.updates).values(rows).on_conflict_do_nothing())
            done = connection.scalars(
                select(known.update_id).where(
                    known.bot_id == self._bot_id,
                    known.update_id.in_([row["update_id"] for row in rows]),
                    known.handled_at.is_not(None),
                )
            )
            return frozenset(done)

    def unhandled(self, *, most: int, older_than: timedelta = timedelta(0)) -> list[RawUpdate]:
        """What was taken in and not handled yet, oldest first; each look counts as a try."""
        updates = tables.updates.c
        waiting = (
            select(updates.update_id)
            .where(
                updates.bot_id == self._bot_id,
                updates.handled_at.is_(None),
                updates.tries < MAX_TRIES,
                updates.received_at <= datetime.now(UTC) - older_than,
            )
            .order_by(updates.update_id)
            .limit(most)
            .with_for_update()  # in the order of ``handled``
        )
        with self._database.writing() as connection:
            rows = connection.execute(
                update(tables.updates)
                .where(updates.bot_id == self._bot_id, updates.update_id.in_(waiting))
                .values(tries=updates.tries + 1)
                .returning(updates.update_id, updates.body)
            ).all()
        return sorted((RawUpdate(row.update_id, row.body) for row in rows), key=lambda one: one.update_id)

    def captions_of(self, album: str, *, near: int) -> list[str]:
        """The captions in an album, of which an update is known by its number: the others have numbers next to it."""
        updates = tables.updates.c
        with self._database.reading() as connection:
            bodies = connection.scalars(
                select(updates.body).where(
                    updates.bot_id == self._bot_id,
                    updates.readable,
                    updates.update_id.between(near - AROUND_ALBUM, near + AROUND_ALBUM),
                )
            )
            messages = [json.loads(body).get("message") or {} for body in bodies]
        return [one["caption"] for one in messages if one.get("media_group_id") == album and one.get("caption")]

    def handled(self, update_ids: Collection[int]) -> None:
        """Tick updates off."""
        updates = tables.updates.c
        mine = (updates.bot_id == self._bot_id, updates.update_id.in_(update_ids))
        theirs = select(updates.update_id).where(*mine).order_by(updates.update_id).with_for_update()
        with self._database.writing() as connection:
            connection.execute(
                update(tables.updates)
                .where(updates.bot_id == self._bot_id, updates.update_id.in_(theirs))
                .values(handled_at=datetime.now(UTC))
            )

    def forget(self, *, older_than: timedelta) -> int:
        """Delete what was handled so long ago that Telegram can't send it again."""
        with self._database.writing() as connection:
            return connection.execute(
                delete(tables.updates).where(
                    tables.updates.c.bot_id == self._bot_id,
                    tables.updates.c.handled_at < datetime.now(UTC) - older_than,
                )
            ).rowcount
