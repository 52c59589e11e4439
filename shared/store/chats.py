"""Work of one chat: cancelled when the chat is gone; undelivered results are found when it opens again."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    union,
    update,
)

from shared.clock import present
from shared.errands import SILENT, Errand
from shared.jobs import Job, State
from shared.queue_policy import QueuePolicy
from shared.status_messages import Work
from shared.store import tables
from shared.store.batches import NOT_ENDED, Batches
from shared.store.database import Database, retrying
from shared.store.errands import UNBEGUN
from shared.store.job_states import state_is
from shared.store.jobs import Jobs, unpaid_in
from shared.store.locks import in_order
from shared.store.rows import read_errand, read_job
from shared.store.status_messages import leave_to_remove, left_by, messages_of
from shared.store.types import TableRow, TableSelect

CHAT_GONE = "chat_gone"
OFFERED_FOR = timedelta(days=30)
MAX_OFFERED = 200  # pictures, and answers, of one person in one chat
MAX_LOOKED_AT = 30  # of somebody's newest requests, whether they are open
BOT: BindParameter[int] = bindparam("bot")
USER: BindParameter[int] = bindparam("user")
ASKED_FOR_WORDS = (tables.errands.c.kind.not_in(sorted(SILENT)), tables.errands.c.state.in_(UNBEGUN))


@dataclass(frozen=True, slots=True)
class Ended:
    """How many of each kind were ended."""

    jobs: int = 0
    batches: int = 0
    errands: int = 0

    def __bool__(self) -> bool:
        return bool(self.jobs or self.batches or self.errands)


def _newest_open(table: Table) -> TableSelect:
    """The keys of those among a person's newest requests in their private chat that have not arrived."""
    newest = select(table).where(table.c.user_id == USER).order_by(table.c.id.desc()).limit(MAX_LOOKED_AT)
    one = newest.subquery()
    alone = (one.c.batch_id.is_(None),) if "batch_id" in table.c else (one.c.kind.not_in(sorted(SILENT)),)
    return select(one.c.request_key).where(
        one.c.bot_id == BOT, one.c.chat_id == USER, one.c.delivered_at.is_(None), *alone
    )


def _is_clear() -> TableSelect:
    updates, batches = tables.updates.c, tables.batches.c
    theirs = exists().where(updates.chat_id == USER, updates.message_id == bindparam("message"), updates.bot_id == BOT)
    requests = union(*map(_newest_open, (tables.jobs, tables.errands))).subquery()
    of_batches = select(batches.id).where(
        batches.user_id == USER, batches.bot_id == BOT, batches.delivered_at.is_(None)
    )
    counts = [select(func.count()).select_from(one) for one in (requests, of_batches.limit(2).subquery())]
    return select(and_(theirs, counts[0].scalar_subquery() + counts[1].scalar_subquery() < 2))


IS_CLEAR = _is_clear()


class Chats:
    """Jobs, batches and errands by chat."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        self._database = database
        self._jobs, self._batches = Jobs(database, policy), Batches(database, policy)

    @retrying
    def end(self, bot_id: int, chat_id: int) -> Ended:
        """End what waits in a chat that is gone and that nobody has paid for yet: nobody would get it."""
        if not self._anything_in(bot_id, chat_id):
            return Ended()
        # By itself: cancelling jobs locks people, and errands come before those in the lock order.
        with self._database.writing() as connection:
            errands = _end_errands(connection, bot_id, chat_id)
        with self._database.writing() as connection:
            batches = self._batches.cancel_in_chat(connection, bot_id, chat_id)
            jobs = self._jobs.cancel_unpaid(connection, bot_id, chat_id, reason=CHAT_GONE)
        return Ended(len(jobs), len(batches), errands)

    def is_clear(self, bot_id: int, user_id: int, message_id: int) -> bool:
        """Whether it is plain that an answer in somebody's private chat is to this message of theirs.

        It is while they have one request open there at most. A message that is not theirs, such as a picture whose
        button was pressed, is one of many.
        """
        with self._database.reading() as connection:
            return bool(connection.scalar(IS_CLEAR, {"bot": bot_id, "user": user_id, "message": message_id}))

    def arriving(self, bot_id: int, chat_id: int, user_id: int) -> list[tuple[Job, ...]]:
        """One person's pictures and failures that are being delivered to a chat: by request, oldest first.

        Of a request that is still under way, those that have ended are among them.
        """
        jobs = tables.jobs.c
        alone = (jobs.batch_id.is_(None), jobs.delivered_at.is_(None), state_is(State.FINISHED, State.FAILED))
        wanted = select(tables.jobs).where(*_of_person(tables.jobs, bot_id, chat_id, user_id), *alone)
        with self._database.reading() as connection:
            return _by_request([read_job(row) for row in connection.execute(wanted.order_by(jobs.id))])

    def undelivered(self, bot_id: int, chat_id: int, user_id: int) -> list[tuple[Job, ...]]:
        """Pictures of one person that could not be delivered to a chat of late: by request, oldest first."""
        jobs = tables.jobs.c
        # A batch's own message offers its pictures.
        pictures = (jobs.batch_id.is_(None), jobs.image_key.is_not(None))
        theirs = _of_person(tables.jobs, bot_id, chat_id, user_id)
        return _by_request([read_job(row) for row in self._given_up(tables.jobs, *theirs, *pictures)])

    def undelivered_answers(self, bot_id: int, chat_id: int, user_id: int) -> list[Errand]:
        """Answers and descriptions of one person that could not be delivered to a chat of late: oldest first."""
        errands = tables.errands.c
        has_one = or_(errands.answer.is_not(None), errands.result.is_not(None))
        theirs = _of_person(tables.errands, bot_id, chat_id, user_id)
        return [read_errand(row) for row in self._given_up(tables.errands, *theirs, has_one)]

    def _given_up(self, table: Table, *conditions: ColumnElement[bool]) -> list[TableRow]:
        """The newest rows whose delivery was given up of late, oldest first."""
        of_late = (
            table.c.undelivered_reason.is_not(None),
            table.c.delivered_at.is_not(None),
            table.c.ended_at > present() - OFFERED_FOR,
        )
        newest = select(table).where(*conditions, *of_late).order_by(table.c.id.desc()).limit(MAX_OFFERED)
        with self._database.reading() as connection:
            return sorted(connection.execute(newest), key=lambda row: int(row.id))

    def _anything_in(self, bot_id: int, chat_id: int) -> bool:
        batches, errands = tables.batches.c, tables.errands.c
        states = batches.state.in_([str(state) for state in NOT_ENDED])
        waiting = or_(
            exists().where(*unpaid_in(bot_id, chat_id)),
            exists().where(batches.bot_id == bot_id, batches.chat_id == chat_id, states),
            exists().where(errands.bot_id == bot_id, errands.chat_id == chat_id, *ASKED_FOR_WORDS),
        )
        with self._database.reading() as connection:
            return bool(connection.scalar(select(waiting)))


def _end_errands(connection: Connection, bot_id: int, chat_id: int) -> int:
    """End what nobody has begun to answer; returns how many."""
    errands, now = tables.errands.c, present()
    here = in_order(tables.errands, errands.bot_id == bot_id, errands.chat_id == chat_id, *ASKED_FOR_WORDS)
    ended = {
        "state": State.CANCELLED,
        "reason": CHAT_GONE,
        "undelivered_reason": CHAT_GONE,
        "ended_at": now,
        "delivered_at": now,
    }
    rows = connection.execute(
        update(tables.errands)
        .where(errands.id.in_(here))
        .values(ended)
        .returning(*left_by(tables.errands), errands.shown)
    ).all()
    for row in rows:
        leave_to_remove(connection, Work.ERRAND, row, messages_of(row))
    return len(rows)


def _of_person(table: Table, bot_id: int, chat_id: int, user_id: int) -> tuple[ColumnElement[bool], ...]:
    """What one person asked for in a chat."""
    return table.c.user_id == user_id, table.c.bot_id == bot_id, table.c.chat_id == chat_id


def _by_request(jobs: list[Job]) -> list[tuple[Job, ...]]:
    """Put together what was asked for together; its jobs have been written down one right after the other."""
    return [tuple(request) for _, request in groupby(jobs, key=lambda job: job.address.request_key)]
