"""Status messages in the record: being sent, standing, and to be removed. One transaction a method.

That one is being sent is committed before the call to Telegram, so that a message whose number nobody wrote down is
known to be missing. A message that is to go stands in ``removals`` until Telegram has said that it is gone.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Update,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from shared.batches import BatchState
from shared.clock import present
from shared.jobs import ENDED, Job, State
from shared.status_messages import Removal, Work
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import state_is
from shared.store.rows import read_job
from shared.store.types import TableRow

TABLES = {Work.JOB: tables.jobs, Work.ERRAND: tables.errands, Work.BATCH: tables.batches}
LEASE = timedelta(seconds=60)  # longer than one try takes, flood waits included
# Mostly the answer of a message that is still being sent is on its way, and brings the number.
ANSWER_MAY_COME = timedelta(seconds=3)
NOT_SENDING: dict[str, None] = {"status_sending_since": None, "status_after": None}
UNTRUE = ""  # what a message that was found again says: it is edited at the next look
NUMBERS = ("status_message_id", "delivered_message_id", "shown")  # the columns in which messages are named
NEWEST = 200  # rows of a chat whose messages are compared with a number

ANY_TO_REMOVE = (
    select(tables.removals.c.id)
    .where(tables.removals.c.bot_id == bindparam("bot"), tables.removals.c.not_before <= bindparam("present"))
    .limit(1)
)


class StatusMessages:
    """The status messages of jobs, errands and batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Sending

    def begin(self, work: Work, work_id: int, *, after: int) -> bool:
        """Note that a status message is about to be sent; False where one is in the chat already, or may be.

        Args:
            after: The highest message number that is known where the chat's messages are counted.
        """
        table = TABLES[work]
        free = (_number(table).is_(None), table.c.status_sending_since.is_(None), table.c.delivered_at.is_(None))
        with self._database.writing() as connection:
            begun = connection.execute(
                update(table)
                .where(table.c.id == work_id, *free)
                .values(status_sending_since=present(), status_after=after)
            )
            return begun.rowcount == 1

    def unsent(self, bot_id: int, *, limit: int) -> list[int]:
        """Jobs under way that are told of in no message and were not asked for in a batch, the oldest first."""
        jobs = tables.jobs.c
        wanted = (
            state_is(State.QUEUED, State.HELD, State.WORKING, State.WAITING),
            jobs.bot_id == bot_id,
            jobs.number == 0,
            jobs.batch_id.is_(None),
            jobs.status_message_id.is_(None),
            jobs.status_sending_since.is_(None),
        )
        with self._database.reading() as connection:
            return list(connection.scalars(select(jobs.id).where(*wanted).order_by(jobs.id).limit(limit)))

    def not_sent(self, work: Work, work_id: int) -> None:
        """Note that Telegram certainly did not take it."""
        table = TABLES[work]
        with self._database.writing() as connection:
            connection.execute(update(table).where(table.c.id == work_id).values(NOT_SENDING))

    def sent(self, work: Work, work_id: int, message_id: int, shown: str) -> bool:
        """Write down the number of a status message, and what it says.

        Returns:
            False where the picture, or another status message, has overtaken it: then it is to be removed, and stands
            among ``removals``.
        """
        table = TABLES[work]
        stands = _standing(table, message_id, shown) | NOT_SENDING
        with self._database.writing() as connection:
            kept = connection.execute(_SENT[work], stands | {"its_id": work_id})
            if kept.rowcount:
                return True
            row = connection.execute(select(table).where(table.c.id == work_id)).first()
            if row is None:
                return False
            if message_id in messages_of(row):
                return row.delivered_at is None
            removals = tables.removals.c
            # A search for its number may end.
            connection.execute(
                delete(tables.removals).where(
                    removals.work == work, removals.work_id == work_id, removals.message_id.is_(None)
                )
            )
            _remove(connection, work, row, message_id=message_id)
            return False

    def pressed(self, work: Work, work_id: int, message_id: int) -> bool:
        """Learn from a press of its button that this message is its status message.

        A number that is missing is written down. A message about nothing under way, or beside another one, is
        to be removed; one that holds an answer is not.

        Returns:
            Whether the message stands: it is the only one, and its result has not been delivered yet.
        """
        table = TABLES[work]
        with self._database.writing() as connection:
            row = connection.execute(select(table).where(table.c.id == work_id).with_for_update()).first()
            if row is None:
                return False
            under_way, numbers = row.delivered_at is None, messages_of(row)
            if under_way and message_id in numbers:
                return True
            if under_way and not numbers:
                known = {**_standing(table, message_id, UNTRUE), **NOT_SENDING}
                connection.execute(update(table).where(table.c.id == work_id).values(known))
                return True
            if work is not Work.ERRAND or message_id not in numbers:
                _remove(connection, work, row, message_id=message_id)
            return False

    def send_again(self, work: Work, work_id: int, *, after: int, may_be_there: bool) -> bool:
        """Note that a status message is about to be sent once more.

        Args:
            after: As for ``begin``.
            may_be_there: The one before was found nowhere; if it turns up, it is to be removed.

        Returns:
            Whether to send it: False where the number is known by now, or its work has ended.
        """
        table = TABLES[work]
        with self._database.writing() as connection:
            row = connection.execute(
                select(table)
                .where(
                    table.c.id == work_id,
                    _number(table).is_(None),
                    table.c.status_sending_since.is_not(None),
                    _is_under_way(table),
                )
                .with_for_update()
            ).first()
            if row is None:
                return False
            if may_be_there:
                _remove(connection, work, row, message_id=None)
            again = {"status_sending_since": present(), "status_after": after}
            connection.execute(update(table).where(table.c.id == work_id).values(again))
            return True

    def missing(self, bot_id: int, *, before: datetime, limit: int) -> list[Job]:
        """Jobs under way whose status message was sent before this moment, and nobody knows its number."""
        jobs = tables.jobs.c
        with self._database.reading() as connection:
            rows = connection.execute(
                select(tables.jobs)
                .where(
                    jobs.status_sending_since.is_not(None),
                    jobs.status_sending_since < before,
                    jobs.bot_id == bot_id,
                    jobs.delivered_at.is_(None),
                )
                .order_by(jobs.status_sending_since)
                .limit(limit)
            )
            return [read_job(row) for row in rows]

    def missing_in_reply_to(self, bot_id: int, chat_id: int, message_id: int) -> tuple[Work, int] | None:
        """What this message asked for, where the number of its status message is unknown."""
        return self._missing_in(bot_id, chat_id, lambda table: table.c.message_id == message_id)

    def missing_beside(self, bot_id: int, chat_id: int, message_id: int) -> tuple[Work, int] | None:
        """What another message of a chat asked for, where the number of its status message is unknown."""
        return self._missing_in(bot_id, chat_id, lambda table: table.c.message_id != message_id)

    def _missing_in(
        self, bot_id: int, chat_id: int, is_asked: Callable[[Table], ColumnElement[bool]]
    ) -> tuple[Work, int] | None:
        removals = tables.removals.c
        with self._database.reading() as connection:
            for work, table in TABLES.items():
                to_remove = exists().where(
                    removals.work == work, removals.work_id == table.c.id, removals.message_id.is_(None)
                )
                asked = (table.c.bot_id == bot_id, table.c.chat_id == chat_id, is_asked(table))
                missing = or_(table.c.status_sending_since.is_not(None), to_remove)
                found = connection.scalar(select(table.c.id).where(*asked, missing).order_by(table.c.id).limit(1))
                if found is not None:
                    return work, found
        return None

    def known(self, bot_id: int, chat_id: int, message_ids: Collection[int]) -> set[int]:
        """Those of these messages of a chat of which the record knows what they are."""
        found = set[int]()
        with self._database.reading() as connection:
            for table in TABLES.values():
                numbers = [table.c[name] for name in NUMBERS if name in table.c]
                newest = select(*numbers).where(table.c.bot_id == bot_id, table.c.chat_id == chat_id)
                for row in connection.execute(newest.order_by(table.c.id.desc()).limit(NEWEST)):
                    found |= messages_of(row)
        return found & set(message_ids)

    # Removing

    def remove(self, work: Work, work_id: int, message_id: int) -> None:
        """Have a message about this removed, where its row is there."""
        table = TABLES[work]
        with self._database.writing() as connection:
            row = connection.execute(select(table).where(table.c.id == work_id)).first()
            if row is not None:
                _remove(connection, work, row, message_id=message_id)

    def claim_removals(self, bot_id: int, *, limit: int) -> list[Removal]:
        """Take messages that are to be removed now, those that waited longest first."""
        now, removals = present(), tables.removals.c
        with self._database.reading() as connection:
            if connection.execute(ANY_TO_REMOVE, {"bot": bot_id, "present": now}).first() is None:
                return []
        due = select(removals.id).where(removals.bot_id == bot_id, removals.not_before <= now)
        first = due.order_by(removals.not_before).limit(limit).with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            rows = connection.execute(
                update(tables.removals)
                .where(removals.id.in_(first))
                .values(not_before=now + LEASE, tries=removals.tries + 1)
                .returning(tables.removals)
            ).all()
        return [_read(row) for row in sorted(rows, key=lambda row: row.id)]

    def found(self, removal_id: int, message_id: int) -> None:
        """Write down the number of a message that is to be removed."""
        with self._database.writing() as connection:
            connection.execute(_of(removal_id).values(message_id=message_id))

    def again(self, removal_id: int, *, in_s: float) -> None:
        """Try later."""
        with self._database.writing() as connection:
            connection.execute(_of(removal_id).values(not_before=present() + timedelta(seconds=in_s)))

    def removed(self, removal_id: int) -> None:
        """Telegram has said that it is gone, or nothing more can be done about it."""
        with self._database.writing() as connection:
            connection.execute(delete(tables.removals).where(tables.removals.c.id == removal_id))

    def release_removals(self, bot_id: int, chat_id: int | None = None) -> None:
        """Try at once what waits for its next try: of one chat, or of all."""
        removals = tables.removals.c
        where = [removals.bot_id == bot_id, *([removals.chat_id == chat_id] if chat_id is not None else [])]
        with self._database.writing() as connection:
            connection.execute(update(tables.removals).where(*where).values(not_before=present()))


def left_by(table: Table) -> list[Column[Any]]:
    """What ``leave_to_remove`` looks at in a row of this table."""
    names = ("id", "bot_id", "chat_id", "language", "status_sending_since", "status_after")
    return [table.c[name] for name in names]


def leave_to_remove(
    connection: Connection, work: Work, row: TableRow, message_ids: Collection[int] = (), *, in_s: float = 0.0
) -> None:
    """Have messages removed: to be called in the transaction after which nobody needs them.

    A status message that may be in the chat under an unknown number is removed with them.

    Args:
        row: Its ``left_by``, as they were before ``NOT_SENDING`` was written into it.
        in_s: Seconds until these messages are removed.
    """
    remove(connection, work, row, message_ids, in_s=in_s)
    if row.status_sending_since is not None:
        _remove(connection, work, row, message_id=None)


def remove(
    connection: Connection, work: Work, row: TableRow, message_ids: Collection[int], *, in_s: float = 0.0
) -> None:
    """Have these messages removed, of a row's ``left_by``; one that is on its way still belongs to the row."""
    for message_id in message_ids:
        _remove(connection, work, row, message_id=message_id, in_s=in_s)


def messages_of(row: TableRow) -> set[int]:
    """Every message that a row, or a part of it, names."""
    named: set[Any] = {getattr(row, name, None) for name in ("status_message_id", "delivered_message_id")}
    return named - {None} | set((getattr(row, "shown", None) or {}).get("messages", ()))


def _remove(connection: Connection, work: Work, row: TableRow, *, message_id: int | None, in_s: float = 0.0) -> None:
    now = present()
    missing = message_id is None
    connection.execute(
        insert(tables.removals),
        {
            "bot_id": row.bot_id,
            "chat_id": row.chat_id,
            "message_id": message_id,
            "work": work,
            "work_id": row.id,
            "language": row.language,
            "after": row.status_after if missing else None,
            "since": row.status_sending_since if missing else now,
            "not_before": now + (ANSWER_MAY_COME if missing else timedelta(seconds=in_s)),
        },
    )


def _of(removal_id: int) -> Update:
    return update(tables.removals).where(tables.removals.c.id == removal_id)


def _number(table: Table) -> ColumnElement[Any]:
    """The column that holds the number of a status message; of an answer, the messages in which it stands."""
    column: ColumnElement[Any] = table.c.shown if table is tables.errands else table.c.status_message_id
    return column


_SENT = {
    work: update(table).where(
        table.c.id == bindparam("its_id"), _number(table).is_(None), table.c.delivered_at.is_(None)
    )
    for work, table in TABLES.items()
}


def _is_under_way(table: Table) -> ColumnElement[bool]:
    """Whether there is something to show: a batch is summed up before it is started."""
    if table is tables.batches:
        return table.c.state == BatchState.ASKED
    return table.c.state.not_in([str(state) for state in sorted(ENDED)])


def _standing(table: Table, message_id: int, shown: str) -> dict[str, object]:
    if table is tables.errands:
        return {"shown": {"messages": [message_id]}}
    return {"status_message_id": message_id, "status_shown": shown}


def _read(row: TableRow) -> Removal:
    return Removal(
        id=row.id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        message_id=row.message_id,
        work=Work(row.work),
        work_id=row.work_id,
        language=row.language,
        after=row.after,
        since=row.since,
        tries=row.tries,
    )
