"""Deletion of what the record has of one person. What accounting needs stays, without the person's words.

Everything that was asked for before the request to delete it goes, in transactions of some rows each. What the owner
paid for this month keeps the person's number until the month is over: else a deletion would renew their budget.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast as assume

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Table, and_, cast, delete, func, or_, select, update

from shared.access import Role
from shared.batches import BatchState
from shared.budgets import Period
from shared.clock import present
from shared.errands import QUESTIONS, Errand, ErrandKind, ErrandResult
from shared.jobs import ENDED, Job, State
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.batches import Batches
from shared.store.database import Database, retrying
from shared.store.errands import CARRY_ON, Errands
from shared.store.job_states import UNDER_WAY
from shared.store.jobs import Jobs, LostTurn
from shared.store.locks import in_order
from shared.store.personal_record import Cell, record_of
from shared.store.picture_terms import forget_terms
from shared.store.rows import read_job

AT_ONCE = 200  # rows in a transaction
HOMECOMING = timedelta(minutes=2)  # how long what has ended may take to be delivered before it is deleted all the same
LATE = timedelta(hours=1)  # by then a worker that was at a deleted job has kept its picture, or never will

_jobs, _errands, _batches = tables.jobs.c, tables.errands.c, tables.batches.c
_UNDER_WAY = [str(state) for state in UNDER_WAY]
_ENDED = [str(state) for state in sorted(ENDED)]

# What is left of a question that the owner paid for.
BARE_ERRAND: dict[str, object] = {
    "chat_id": 0,
    "message_id": 0,
    "topic_id": None,
    "language": "",
    "conversation_id": None,
    "question": {},
    "writing": None,
    "answer": None,
    "result": None,
    "shown": None,
    "status_sending_since": None,
    "status_after": None,
    "undelivered_reason": None,
    "reason": None,
    "worker": None,
}


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """Some jobs of a person that have ended, and their pictures in the image store."""

    jobs: Sequence[int]
    keys: Sequence[str]


class PersonalData:
    """What the record has of people. The steps take the errand that asks for the deletion, and count in its row."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        self._database = database
        self._stores = (Jobs(database, policy), Errands(database, policy), Batches(database, policy))

    # Ending work

    def end_work(self, asked: Errand) -> None:
        """Cancel all that the person asked for before, and that has not ended."""
        jobs, errands, batches = self._stores
        running = _batches.state.in_([BatchState.ASKED, BatchState.RUNNING, BatchState.PAUSED])
        for batch_id in self._ids(tables.batches, _theirs(tables.batches, asked), running):
            batches.cancel(batch_id)
        while ids := self._ids(tables.jobs, _theirs(tables.jobs, asked), _jobs.state.in_(_UNDER_WAY), limit=AT_ONCE):
            jobs.cancel(ids)
        asked_for = (_errands.kind.in_(QUESTIONS | {ErrandKind.EXPORT}), _errands.state.in_(_UNDER_WAY))
        for errand_id in self._ids(tables.errands, _theirs(tables.errands, asked), *asked_for):
            errands.ask_to_stop(errand_id)

    def is_coming_home(self, asked: Errand) -> bool:
        """Whether a worker, or the bot, is still at something of theirs; after some time only what it certainly is."""
        now = present()
        is_overdue = now - (asked.started_at or now) > HOMECOMING
        conditions = {
            tables.jobs: _theirs(tables.jobs, asked) & _is_in_hand(tables.jobs, now, is_overdue=is_overdue),
            tables.batches: _theirs(tables.batches, asked) & _is_in_hand(tables.batches, now, is_overdue=is_overdue),
            tables.errands: _errands_before(asked) & _is_in_hand(tables.errands, now, is_overdue=is_overdue),
        }
        return any(self._ids(table, condition, limit=1) for table, condition in conditions.items())

    # Pictures and files

    def next_pictures(self, asked: Errand) -> KeptPictures:
        """Some of the person's jobs; none when all are deleted."""
        some = select(_jobs.id, _jobs.image_key).where(_theirs(tables.jobs, asked)).order_by(_jobs.id).limit(AT_ONCE)
        with self._database.reading() as connection:
            rows = connection.execute(some).all()
        return KeptPictures([row.id for row in rows], [row.image_key for row in rows if row.image_key])

    @retrying
    def delete_jobs(self, asked: Errand, ids: Collection[int]) -> None:
        """Delete jobs whose pictures are deleted."""
        with self._counting(asked) as (connection, counts, result):
            theirs = in_order(tables.jobs, _jobs.id.in_(ids))
            gone = connection.execute(
                delete(tables.jobs).where(_jobs.id.in_(theirs)).returning(_jobs.id, _jobs.image_key, _jobs.claims)
            ).all()
            connection.execute(delete(tables.stages).where(tables.stages.c.job_id.in_(ids)))
            forget_terms(connection, list(ids))
            connection.execute(delete(tables.favourites).where(tables.favourites.c.job_id.in_(ids)))
            attempts = tables.attempts.c
            wordless = update(tables.attempts).where(attempts.job_id.in_(ids))
            connection.execute(wordless.values(detail=None, request_id=None))
            counts["pictures"] += sum(row.image_key is not None for row in gone)
            late = [row.id for row in gone if row.image_key is None and row.claims]
            result["late"] = [*result.get("late", []), *late]

    def next_files(self, asked: Errand) -> list[str]:
        """Some of the files that the person sent, as the image store names them; none when all are deleted."""
        files = tables.sent_files.c
        theirs = (files.user_id == asked.sender.id, files.gone_at.is_(None), files.kept_at <= asked.created_at)
        with self._database.reading() as connection:
            return list(connection.scalars(select(files.key).where(*theirs).order_by(files.key).limit(AT_ONCE)))

    @retrying
    def files_gone(self, asked: Errand, keys: Collection[str]) -> None:
        """Note that files are deleted; their sizes count for a day towards what one may send."""
        files = tables.sent_files.c
        with self._counting(asked) as (connection, counts, _):
            theirs = select(files.key).where(files.key.in_(keys)).order_by(files.key).with_for_update()
            gone = update(tables.sent_files).where(files.key.in_(theirs)).values(gone_at=present())
            counts["files"] += connection.execute(gone).rowcount

    # All else

    @retrying
    def delete_questions(self, asked: Errand) -> bool:
        """Delete some questions, answers and orders to be cancelled; False where none was left."""
        ids = self._ids(tables.errands, _errands_before(asked), limit=AT_ONCE)
        month = Period.MONTH.began(present())
        is_paid = and_(_errands.owner_tokens > 0, _errands.ended_at >= month)
        with self._counting(asked) as (connection, counts, _):
            theirs = in_order(tables.errands, _errands.id.in_(ids))
            found = select(_errands.kind, _errands.conversation_id).where(_errands.id.in_(theirs))
            rows = connection.execute(found).all()
            bare = BARE_ERRAND | {
                "request_key": cast(_errands.id, sqlalchemy.String),
                "delivered_at": present(),
            }
            connection.execute(update(tables.errands).where(_errands.id.in_(ids), is_paid).values(bare))
            connection.execute(delete(tables.errands).where(_errands.id.in_(ids), ~func.coalesce(is_paid, False)))
            talks = sorted({row.conversation_id for row in rows if row.conversation_id is not None})
            mine = in_order(tables.conversations, tables.conversations.c.id.in_(talks))
            forgotten = update(tables.conversations).where(tables.conversations.c.id.in_(mine))
            connection.execute(forgotten.values(summary=None))
            counts["questions"] += sum(row.kind in QUESTIONS for row in rows)
        return bool(ids)

    @retrying
    def delete_batches(self, asked: Errand) -> bool:
        """Delete some batches; False where none was left."""
        ids = self._ids(tables.batches, _theirs(tables.batches, asked), limit=AT_ONCE)
        with self._counting(asked) as (connection, counts, _):
            theirs = in_order(tables.batches, _batches.id.in_(ids))
            counts["batches"] += connection.execute(delete(tables.batches).where(_batches.id.in_(theirs))).rowcount
        return bool(ids)

    @retrying
    def blank_updates(self, asked: Errand) -> bool:
        """Empty some of the updates that are from the person, or quote them; False where none was left."""
        updates, person = tables.updates.c, asked.sender.id
        forms = (f'%"id":{space}{person}{end}%' for space in ("", " ") for end in (",", "}"))
        names_them = or_(updates.chat_id == person, *(updates.body.like(form) for form in forms))
        key = (updates.bot_id, updates.update_id)
        some = select(*key).where(names_them, updates.received_at <= asked.created_at).order_by(*key).limit(AT_ONCE)
        now = present()
        with self._database.writing() as connection:
            found = [(row.bot_id, row.update_id) for row in connection.execute(some.with_for_update())]
            for bot_id, update_id in found:
                empty = {"body": "{}", "readable": False, "chat_id": None, "message_id": None}
                one = update(tables.updates).where(updates.bot_id == bot_id, updates.update_id == update_id)
                connection.execute(one.values(handled_at=func.coalesce(updates.handled_at, now), **empty))
        return bool(found)

    @retrying
    def delete_rest(self, asked: Errand) -> None:
        """Delete keys, settings, open questions and the rest; an owner's decision about the person stays, nameless."""
        person = asked.sender.id
        with self._counting(asked) as (connection, counts, _):
            connection.execute(delete(tables.favourites).where(tables.favourites.c.owner_id == person))
            for table in (tables.history_views, tables.inline_ideas):
                connection.execute(delete(table).where(table.c.user_id == person))
            for table in (tables.conversations, tables.open_questions, tables.edit_hints):
                connection.execute(delete(table).where(table.c.chat_id == person))
            keys = tables.keys.c
            mine = delete(tables.keys).where(keys.user_id == person, keys.created_at <= asked.created_at)
            counts["keys"] += connection.execute(mine).rowcount
            _delete_broadcasts(connection, person)
        if not self._ids(tables.jobs, _jobs.user_id == person, _jobs.state.in_(_UNDER_WAY), limit=1):
            with self._database.writing() as connection:
                connection.execute(delete(tables.users).where(tables.users.c.id == person))
        with self._database.writing() as connection:
            _delete_access(connection, person)

    @staticmethod
    def _forget_numbers(connection: Connection, asked: Errand, *, before: datetime) -> int:
        """Take the person's number off some calls that were made before; returns how many."""
        attempts = tables.attempts.c
        old = select(attempts.id).where(attempts.user_id == asked.sender.id, attempts.at < before)
        some = old.order_by(attempts.id).limit(AT_ONCE * 50).with_for_update()
        return connection.execute(update(tables.attempts).where(attempts.id.in_(some)).values(user_id=None)).rowcount

    def forget_old_numbers(self, asked: Errand) -> bool:
        """Take the person's number off some calls of earlier months; False where none was left."""
        with self._database.writing() as connection:
            return self._forget_numbers(connection, asked, before=Period.MONTH.began(present())) > 0

    # Exports

    def record_of(self, person: int) -> dict[str, list[dict[str, Cell]]]:
        """What the record has of a person besides their pictures, by table."""
        return record_of(self._database, person)

    def count_pictures(self, person: int, *, after: int = 0) -> int:
        """How many jobs of a person's have ended, of those after one."""
        ended = (_jobs.user_id == person, _jobs.id > after, _jobs.state.in_(_ENDED))
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(tables.jobs).where(*ended)) or 0

    def pictures_of(self, person: int, *, after: int, limit: int = AT_ONCE) -> list[Job]:
        """Some of a person's jobs that have ended, in the order in which they were asked for."""
        ended = (_jobs.user_id == person, _jobs.id > after, _jobs.state.in_(_ENDED))
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.jobs).where(*ended).order_by(_jobs.id).limit(limit))
            return [read_job(row) for row in rows]

    @retrying
    def parts_to_delete(self, asked: Errand | None = None) -> list[str]:
        """Parts of exports that nobody will send any more, as the image store names them.

        Args:
            asked: The deletion of a person's data: all of theirs. None: of all exports that have ended.
        """
        exports = (_errands.kind == ErrandKind.EXPORT, _errands.result.is_not(None))
        whose = _errands.delivered_at.is_not(None) if asked is None else _errands_before(asked)
        with self._database.reading() as connection:
            some = select(_errands.result).where(*exports, whose).order_by(_errands.id).limit(AT_ONCE)
            return [part["key"] for result in connection.scalars(some) for part in result.get("parts", [])]

    def parts_deleted(self) -> None:
        """Note that the parts of exports that have ended are deleted."""
        over = (_errands.kind == ErrandKind.EXPORT, _errands.result.is_not(None), _errands.delivered_at.is_not(None))
        some = select(_errands.id).where(*over).order_by(_errands.id).limit(AT_ONCE).with_for_update()
        with self._database.writing() as connection:
            connection.execute(update(tables.errands).where(_errands.id.in_(some)).values(result=None))

    # Afterwards

    def late_pictures(self) -> list[tuple[int, list[int]]]:
        """Deletions that have ended for a while, and the jobs for which a worker may have kept a picture after them."""
        over = (_errands.kind == ErrandKind.FORGET, _errands.ended_at < present() - LATE)
        some = select(_errands.id, _errands.result).where(*over, _errands.result.is_not(None)).order_by(_errands.id)
        with self._database.reading() as connection:
            return [(row.id, row.result.get("late", [])) for row in connection.execute(some.limit(AT_ONCE))]

    def late_pictures_gone(self, errand_id: int) -> None:
        """Note that these are deleted."""
        with self._database.writing() as connection:
            connection.execute(update(tables.errands).where(_errands.id == errand_id).values(result=None))

    @retrying
    def forget_numbers(self) -> int:
        """Take numbers of people who were deleted in an earlier month off what was paid for; returns of how many."""
        now = present()
        over = (
            _errands.kind == ErrandKind.FORGET,
            _errands.state.in_(_ENDED),
            _errands.ended_at < Period.MONTH.began(now),
            _errands.delivered_at.is_not(None),
            _errands.result.is_(None),
        )
        forgotten = 0
        for errand_id in self._ids(tables.errands, *over, limit=AT_ONCE):
            asked = self._stores[1].read(errand_id)
            if asked is None or asked.ended_at is None:
                continue
            with self._database.writing() as connection:
                if self._forget_numbers(connection, asked, before=asked.ended_at):
                    continue  # There may be more of them: the next look goes on.
                theirs = (_errands.user_id == asked.sender.id, _errands.chat_id == 0)
                bare = in_order(tables.errands, *theirs)
                connection.execute(update(tables.errands).where(_errands.id.in_(bare)).values(user_id=0))
                connection.execute(delete(tables.errands).where(_errands.id == errand_id))
                forgotten += 1
        return forgotten

    # Common to all steps

    def _ids(self, table: Table, *conditions: ColumnElement[bool], limit: int | None = None) -> list[int]:
        with self._database.reading() as connection:
            return list(connection.scalars(select(table.c.id).where(*conditions).order_by(table.c.id).limit(limit)))

    @contextmanager
    def _counting(self, asked: Errand) -> Iterator[tuple[Connection, Counter[str], ErrandResult]]:
        """A transaction whose counts are added to those of the errand.

        Raises:
            LostTurn: The errand is no longer this worker's.
        """
        with self._database.writing() as connection:
            counts: Counter[str] = Counter()
            kept = connection.scalar(select(_errands.result).where(_errands.id == asked.id))
            result: ErrandResult = assume("ErrandResult", kept or {})
            yield connection, counts, result
            before = Counter(result.get("deleted", {}))
            result["deleted"] = dict(before + counts)
            its_own = {"its_id": asked.id, "its_worker": asked.worker, "its_claims": asked.claims}
            if not connection.execute(CARRY_ON.values(result=result), its_own).rowcount:
                raise LostTurn(f"errand {asked.id}")


def _theirs(table: Table, asked: Errand) -> ColumnElement[bool]:
    """What a person had asked for before they asked for its deletion."""
    return and_(table.c.user_id == asked.sender.id, table.c.created_at <= asked.created_at)


def _errands_before(asked: Errand) -> ColumnElement[bool]:
    """The same of errands; orders of theirs that are being cancelled came after it. What is bare already is left."""
    before = or_(_errands.created_at <= asked.created_at, _errands.kind == ErrandKind.CANCEL_ORDER)
    return and_(_errands.user_id == asked.sender.id, _errands.id != asked.id, _errands.chat_id != 0, before)


def _is_in_hand(table: Table, now: datetime, *, is_overdue: bool) -> ColumnElement[bool]:
    """Whether somebody is at a row, or soon will be; when it is overdue, only whether somebody is."""
    columns = table.c
    is_being_sent = and_(columns.delivered_at.is_(None), columns.delivery_lease_until > now)
    is_worked_at = and_(columns.state == State.WORKING, columns.id.is_not(None))
    if is_overdue:
        return or_(is_being_sent, is_worked_at)
    return or_(columns.delivered_at.is_(None), is_worked_at)


def _delete_broadcasts(connection: Connection, person: int) -> None:
    """Delete what somebody had the bot write to all, and what they got of others."""
    sent, received = tables.broadcasts.c, tables.broadcast_receivers.c
    theirs = select(sent.id).where(sent.asked_by == person)
    connection.execute(
        delete(tables.broadcast_receivers).where(or_(received.broadcast_id.in_(theirs), received.user_id == person))
    )
    connection.execute(delete(tables.broadcasts).where(sent.asked_by == person))


def _delete_access(connection: Connection, person: int) -> None:
    access, links = tables.access.c, tables.access_links.c
    connection.execute(update(tables.access).where(access.decided_by == person).values(decided_by=None))
    is_decided = or_(access.role != Role.STRANGER, access.decided_at.is_not(None))
    nameless = {"name": "", "username": None, "language": "", "cards": None, "told_at": None, "asked_at": None}
    connection.execute(update(tables.access).where(access.id == person, is_decided).values(nameless))
    connection.execute(delete(tables.access).where(access.id == person, ~is_decided))
    connection.execute(delete(tables.access_links).where(links.created_by == person))
