"""Deletes what has been kept for as long as it is kept, some rows in a transaction, oldest first.

Each method returns how many rows it changed: as many as it may means that there are more. Rows are looked for from the
oldest on, by primary key or a partial index, so a look costs the same however large a table is.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, exists, select, update

from shared.clock import present
from shared.errands import QUESTIONS, ErrandKind
from shared.jobs import ENDED
from shared.store import inline_ideas, tables
from shared.store.database import Database, retrying
from shared.store.job_states import UNDER_WAY
from shared.store.locks import in_order
from shared.store.picture_terms import forget_terms

LOOKED_AT = 20  # times as many rows as may go: some among the oldest stay, as those that were never delivered

_jobs, _errands, _updates = tables.jobs.c, tables.errands.c, tables.updates.c
_ENDED = [str(state) for state in sorted(ENDED)]


class Aging:
    """The rows that are old enough to go, one transaction a method."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = present) -> None:
        self._database = database
        self._now = now

    # Originals

    def originals(self, age: timedelta, *, limit: int) -> list[tuple[int, str]]:
        """Jobs whose originals are old and needed by nothing under way: their ids, and the keys in the image store."""
        needing = tables.jobs.alias()
        under_way = needing.c.state.in_([str(state) for state in UNDER_WAY])
        is_needed = exists().where(needing.c.picture_key == _jobs.image_key, under_way)
        old = (_jobs.image_key.is_not(None), _jobs.ended_at < self._before(age), _jobs.delivered_at.is_not(None))
        some = select(_jobs.id, _jobs.image_key).where(*old, ~is_needed).order_by(_jobs.ended_at).limit(limit)
        with self._database.reading() as connection:
            return [(row.id, row.image_key) for row in connection.execute(some)]

    @retrying
    def originals_gone(self, ids: Collection[int]) -> None:
        """Note that these jobs' originals are deleted; what Telegram has of them stays."""
        with self._database.writing() as connection:
            theirs = in_order(tables.jobs, _jobs.id.in_(ids))
            connection.execute(update(tables.jobs).where(_jobs.id.in_(theirs)).values(image_key=None))

    # Requests

    @retrying
    def requests(self, age: timedelta, *, limit: int) -> int:
        """Jobs and batches that ended so long ago, whose originals are gone."""
        ids = self._old(tables.jobs, age, limit, tables.jobs.c.image_key.is_(None))
        with self._database.writing() as connection:
            forget_terms(connection, ids)
            for table in (tables.stages, tables.favourites):
                connection.execute(delete(table).where(table.c.job_id.in_(ids)))
            gone = in_order(tables.jobs, _jobs.id.in_(ids), _jobs.state.in_(_ENDED))
            connection.execute(delete(tables.jobs).where(_jobs.id.in_(gone)))
        is_needed = exists().where(_jobs.batch_id == tables.batches.c.id)
        batches = self._old(tables.batches, age, limit, ~is_needed)
        with self._database.writing() as connection:
            gone = in_order(tables.batches, tables.batches.c.id.in_(batches))
            connection.execute(delete(tables.batches).where(tables.batches.c.id.in_(gone)))
        return max(len(ids), len(batches))

    @retrying
    def details(self, age: timedelta, *, limit: int) -> int:
        """When jobs reached which stage, what services said of failures, and orders that were taken back."""
        stages, attempts = tables.stages.c, tables.attempts.c
        before = self._before(age)
        with self._database.writing() as connection:
            oldest = select(stages.id, stages.at).order_by(stages.id).limit(limit).subquery()
            old = select(oldest.c.id).where(oldest.c.at < before)
            count = connection.execute(delete(tables.stages).where(stages.id.in_(old))).rowcount
            said = select(attempts.id).where(attempts.detail.is_not(None), attempts.at < before)
            some = said.order_by(attempts.at).limit(limit).with_for_update(skip_locked=True)
            wordless = update(tables.attempts).where(attempts.id.in_(some)).values(detail=None, request_id=None)
            return max(count, connection.execute(wordless).rowcount)

    # Chats

    @retrying
    def chats(self, age: timedelta, *, limit: int) -> int:
        """Questions and answers that ended so long ago, and conversations of which nothing is left."""
        talks = tables.conversations.c
        count = self._delete_errands(age, limit, _errands.kind.in_(QUESTIONS))
        is_spoken_of = exists().where(_errands.conversation_id == talks.id)
        empty = (
            select(talks.id).where(talks.created_at < self._before(age), ~is_spoken_of).order_by(talks.id).limit(limit)
        )
        with self._database.writing() as connection:
            some = empty.with_for_update(skip_locked=True)
            connection.execute(delete(tables.conversations).where(talks.id.in_(some)))
        return count

    @retrying
    def errands(self, age: timedelta, *, limit: int) -> int:
        """Orders that were taken back and exports that were sent so long ago."""
        return self._delete_errands(age, limit, _errands.kind.in_([ErrandKind.CANCEL_ORDER, ErrandKind.EXPORT]))

    def _delete_errands(self, age: timedelta, limit: int, kinds: ColumnElement[bool]) -> int:
        ids = self._old(tables.errands, age, limit, kinds)
        with self._database.writing() as connection:
            gone = in_order(tables.errands, _errands.id.in_(ids))
            connection.execute(delete(tables.errands).where(_errands.id.in_(gone)))
        return len(ids)

    def _old(self, table: Table, age: timedelta, limit: int, *conditions: ColumnElement[bool]) -> list[int]:
        """Rows among the first of a table that ended so long ago, and whose deliveries have ended."""
        first = select(table.c.id).order_by(table.c.id).limit(LOOKED_AT * limit)
        over = (table.c.ended_at < self._before(age), table.c.delivered_at.is_not(None))
        old = select(table.c.id).where(table.c.id.in_(first), *over, *conditions).order_by(table.c.id).limit(limit)
        with self._database.reading() as connection:
            return list(connection.scalars(old))

    # Updates

    @retrying
    def updates(self, age: timedelta, *, limit: int) -> int:
        """What Telegram sent so long ago, handled or not, and what was asked in chats about it."""
        before = self._before(age)
        with self._database.reading() as connection:
            bots = list(connection.scalars(select(_updates.bot_id).distinct()))
        count = 0
        for bot_id in bots:
            oldest = select(_updates.update_id, _updates.received_at).where(_updates.bot_id == bot_id)
            first = oldest.order_by(_updates.update_id).limit(limit).subquery()
            ids = select(first.c.update_id).where(first.c.received_at < before)
            old = (_updates.bot_id == bot_id, _updates.update_id.in_(ids))
            with self._database.writing() as connection:
                count += connection.execute(delete(tables.updates).where(*old)).rowcount
        with self._database.writing() as connection:
            connection.execute(delete(tables.edit_hints).where(tables.edit_hints.c.at < before))
            old_ideas = tables.inline_ideas.c.at < self._before(min(age, inline_ideas.KEPT_FOR))
            connection.execute(delete(tables.inline_ideas).where(old_ideas))
            connection.execute(delete(tables.open_questions).where(tables.open_questions.c.asked_at < before))
        return count

    def _before(self, age: timedelta) -> datetime:
        return self._now() - age
