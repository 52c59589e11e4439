"""Telegram's updates, written down before Telegram may forget them."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Update, bindparam, func, select, update

from shared.clock import present
from shared.questions import OpenQuestion
from shared.store import tables
from shared.store.database import Database, InsertInto, built_once, insert_new
from shared.store.questions import close
from shared.store.types import InsertReturning

NEAR_ALBUM = 50  # message numbers: ten of the album itself; all private chats of a bot share one count


@dataclass(frozen=True, slots=True)
class RawUpdate:
    """An update as Telegram sent it.

    Attributes:
        body: JSON text.
        readable: Whether our library can parse it.
        chat_id, message_id: The message that it is about, new or edited; None where it is about something else.
        part_of: The update whose text its own goes on with: it is handled together with that one.
        starts: How often it was started again, after the process that took it in, by one that did not end it either.
    """

    update_id: int
    body: str
    readable: bool = True
    chat_id: int | None = None
    message_id: int | None = None
    part_of: int | None = None
    starts: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A text that goes on with another one's."""

    update_id: int
    body: str
    received_at: datetime


@built_once
def _keeping(insert: InsertInto) -> InsertReturning:
    return insert(tables.updates).on_conflict_do_nothing().returning(tables.updates.c.update_id)


def _handling() -> Update:
    """The statement that ticks updates off, locked in the order of their ids."""
    updates = tables.updates.c
    its = updates.bot_id == bindparam("bot")
    theirs = select(updates.update_id).where(its, updates.update_id.in_(bindparam("ids", expanding=True)))
    locked = theirs.order_by(updates.update_id).with_for_update()
    return update(tables.updates).where(its, updates.update_id.in_(locked))


HANDLED = _handling()


class Updates:
    """The intake's book, one transaction a method."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id

    def keep(self, updates: Iterable[RawUpdate], *, ended: Collection[OpenQuestion] = ()) -> frozenset[int]:
        """Write down updates, and delete the questions that they answer or end; what is known stays as it is.

        Returns:
            Ids of those that are to be handled now: new, readable, and not handled together with another one.
        """
        raw, now = list(updates), present()
        if not raw:
            return frozenset()
        with self._database.writing() as connection:
            heads = self._open_heads(connection, raw)
            rows = [self._row(one, now, heads) for one in raw]
            new = connection.scalars(_keeping(self._database), rows).all()
            close(connection, self._bot_id, ended)
        held = {row["update_id"] for row in rows if row["part_of"] is not None or row["handled_at"] is not None}
        return frozenset(new) - held

    def _open_heads(self, connection: Connection, raw: list[RawUpdate]) -> set[int]:
        """The updates to which texts may still be put, until this transaction ends."""
        wanted = {one.part_of for one in raw if one.part_of is not None}
        if not wanted:
            return set()
        updates = tables.updates.c
        known = connection.execute(
            select(updates.update_id, updates.joined_at, updates.handled_at)
            .where(updates.bot_id == self._bot_id, updates.update_id.in_(wanted))
            .order_by(updates.update_id)
            .with_for_update()
        ).all()
        closed = {row.update_id for row in known if row.joined_at is not None or row.handled_at is not None}
        return ({row.update_id for row in known} | {one.update_id for one in raw}) - closed

    def _row(self, one: RawUpdate, now: datetime, heads: Collection[int]) -> dict[str, object]:
        return {
            "bot_id": self._bot_id,
            "update_id": one.update_id,
            "body": one.body,
            "readable": one.readable,
            "received_at": now,
            "handled_at": None if one.readable else now,
            "chat_id": one.chat_id,
            "message_id": one.message_id,
            "part_of": one.part_of if one.part_of in heads else None,
        }

    def unhandled(self, *, limit: int, older_than: timedelta = timedelta(0)) -> list[int]:
        """Ids of what was taken in and not handled yet, oldest first."""
        updates = tables.updates.c
        with self._database.reading() as connection:
            found = connection.scalars(
                select(updates.update_id)
                .where(
                    updates.bot_id == self._bot_id,
                    updates.handled_at.is_(None),
                    updates.part_of.is_(None),
                    updates.received_at <= present() - older_than,
                )
                .order_by(updates.update_id)
                .limit(limit)
            )
            return list(found)

    def read(self, update_ids: Collection[int]) -> list[RawUpdate]:
        """Those of these updates that are not handled yet, oldest first."""
        updates = tables.updates.c
        wanted = (
            select(updates.update_id, updates.body, updates.tries)
            .where(updates.bot_id == self._bot_id, updates.update_id.in_(update_ids), updates.handled_at.is_(None))
            .order_by(updates.update_id)
        )
        if not update_ids:
            return []
        with self._database.reading() as connection:
            return [RawUpdate(row.update_id, row.body, starts=row.tries) for row in connection.execute(wanted)]

    def count_start(self, update_id: int) -> None:
        """Note that an update which an earlier process left is started again."""
        self._change([update_id], tries=tables.updates.c.tries + 1)

    def forget_starts(self, update_ids: Collection[int]) -> None:
        """Note that starting these updates again has ended no process."""
        self._change(update_ids, tries=0)

    # Texts in parts

    def parts_of(self, update_id: int) -> list[Part]:
        """The texts that go on with this one's, as far as they have come."""
        with self._database.reading() as connection:
            return self._parts(connection, update_id)

    def is_joined(self, update_id: int) -> bool:
        """Whether no more texts can be put to this update's: its handling has begun, or ended."""
        updates = tables.updates.c
        wanted = select(updates.joined_at, updates.handled_at).where(
            updates.bot_id == self._bot_id, updates.update_id == update_id
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return row is not None and (row.joined_at is not None or row.handled_at is not None)

    def join(self, update_id: int) -> list[Part]:
        """Tick off the texts that go on with this one's, and return them: from now on no more are put to it.

        The same again returns the same.
        """
        updates, now = tables.updates.c, present()
        with self._database.writing() as connection:
            head = (updates.bot_id == self._bot_id, updates.update_id == update_id)
            connection.execute(
                update(tables.updates).where(*head).values(joined_at=func.coalesce(updates.joined_at, now))
            )
            parts = self._parts(connection, update_id)
            theirs = (updates.bot_id == self._bot_id, updates.update_id.in_([one.update_id for one in parts]))
            connection.execute(
                update(tables.updates).where(*theirs, updates.handled_at.is_(None)).values(handled_at=now)
            )
            return parts

    def _parts(self, connection: Connection, update_id: int) -> list[Part]:
        updates = tables.updates.c
        found = connection.execute(
            select(updates.update_id, updates.body, updates.received_at)
            .where(updates.bot_id == self._bot_id, updates.part_of == update_id, updates.update_id > update_id)
            .order_by(updates.update_id)
        )
        return [Part(row.update_id, row.body, row.received_at) for row in found]

    def newest(self, limit: int) -> list[RawUpdate]:
        """The updates that came last, oldest first."""
        updates = tables.updates.c
        wanted = (
            select(tables.updates)
            .where(updates.bot_id == self._bot_id, updates.readable)
            .order_by(updates.update_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [RawUpdate(row.update_id, row.body, part_of=row.part_of) for row in reversed(rows)]

    # Messages

    def captions_of(self, album: str, *, chat_id: int, near: int) -> list[str]:
        """The captions in an album, of which one message is known by its number: the others have numbers next to it."""
        updates = tables.updates.c
        with self._database.reading() as connection:
            bodies = connection.scalars(
                select(updates.body).where(
                    updates.bot_id == self._bot_id,
                    updates.chat_id == chat_id,
                    updates.message_id.between(near - NEAR_ALBUM, near + NEAR_ALBUM),
                    updates.readable,
                )
            )
            messages = [json.loads(body).get("message") or {} for body in bodies]
        return [one["caption"] for one in messages if one.get("media_group_id") == album and one.get("caption")]

    def words_before(self, update_id: int, *, chat_id: int, message_id: int) -> str | None:
        """The text or caption that a message had before this update edited it; None where that is not known."""
        before = tables.updates.c.update_id < update_id
        body = self._newest_body(before, chat_id=chat_id, message_id=message_id)
        if body is None:
            return None
        raw = json.loads(body)
        message = raw.get("edited_message") or raw.get("message") or {}
        return str(message.get("text") or message.get("caption") or "")

    def message_at(self, *, chat_id: int, message_id: int) -> str | None:
        """The newest update that brought this message, as JSON; None where none is known any more."""
        return self._newest_body(chat_id=chat_id, message_id=message_id)

    def _newest_body(self, *conditions: ColumnElement[bool], chat_id: int, message_id: int) -> str | None:
        updates = tables.updates.c
        of_it = (updates.bot_id == self._bot_id, updates.chat_id == chat_id, updates.message_id == message_id)
        wanted = select(updates.body).where(*of_it, updates.readable, *conditions)
        with self._database.reading() as connection:
            body: str | None = connection.scalar(wanted.order_by(updates.update_id.desc()).limit(1))
        return body

    def forget_message(self, *, chat_id: int, message_id: int) -> None:
        """Forget what a message said, such as a key that is not to be kept."""
        updates = tables.updates.c
        its_own = (updates.bot_id == self._bot_id, updates.chat_id == chat_id, updates.message_id == message_id)
        with self._database.writing() as connection:
            connection.execute(update(tables.updates).where(*its_own).values(body="{}", readable=False))

    def may_hint(self, *, chat_id: int, message_id: int) -> bool:
        """Whether nobody was told yet that editing this message changes nothing; from now on somebody was."""
        row = {"bot_id": self._bot_id, "chat_id": chat_id, "message_id": message_id, "at": present()}
        with self._database.writing() as connection:
            hint = insert_new(self._database, tables.edit_hints).values(row).on_conflict_do_nothing()
            return connection.scalar(hint.returning(tables.edit_hints.c.message_id)) is not None

    def handled(self, update_ids: Collection[int]) -> None:
        """Tick updates off."""
        with self._database.writing() as connection:
            now = present()
            connection.execute(HANDLED, {"bot": self._bot_id, "ids": list(update_ids), "handled_at": now})

    def _change(self, update_ids: Collection[int], **values: object) -> None:
        """Change rows, locked in the order of their ids."""
        updates = tables.updates.c
        mine = (updates.bot_id == self._bot_id, updates.update_id.in_(update_ids))
        theirs = select(updates.update_id).where(*mine).order_by(updates.update_id).with_for_update()
        with self._database.writing() as connection:
            connection.execute(
                update(tables.updates)
                .where(updates.bot_id == self._bot_id, updates.update_id.in_(theirs))
                .values(**values)
            )
