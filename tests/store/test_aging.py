"""What has been kept for as long as the owner keeps it goes, some at a time; all else stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, func, select, update

from shared.errands import ErrandKind
from shared.jobs import Address, Sender, Stage, State
from shared.store import tables
from shared.store.aging import Aging
from shared.store.conversations import Conversations
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.inline_ideas import InlineIdeas
from shared.store.jobs import Jobs
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT, UNCAPPED, an_attempt, jpeg_key, submit, submit_and_claim, submit_and_finish

WEEK, MAX = timedelta(days=7), 10


class Record:
    """A record whose rows are made old by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.aging = Aging(database)

    def count(self, table: Table) -> int:
        with self.database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def change(self, table: Table, row_id: int | None = None, **values: Any) -> None:
        with self.database.writing() as connection:
            changed = update(table).values(values)
            connection.execute(changed if row_id is None else changed.where(table.c.id == row_id))

    def picture(self, *, days: float, delivered: bool = True) -> int:
        job = submit_and_finish(self.database)
        ended = datetime.now(UTC) - timedelta(days=days)
        self.change(tables.jobs, job.id, ended_at=ended, delivered_at=ended if delivered else None, file_id="photo")
        return job.id

    def question(self, *, days: float) -> int:
        talk = Conversations(self.database).of(BOT, 7)
        asked, _ = Errands(self.database, UNCAPPED).submit(
            ErrandKind.CHAT,
            {"text": "hi"},
            address=Address(BOT, 7, int(days * 10)),
            sender=Sender(7),
            conversation_id=talk.id,
        )
        ended = datetime.now(UTC) - timedelta(days=days)
        over = {"state": State.FINISHED, "ended_at": ended, "delivered_at": ended}
        self.change(tables.errands, asked.id, **over)
        return asked.id


@pytest.fixture
def record(database: Database) -> Record:
    return Record(database)


class TestOriginals:
    def test_that_are_old_are_named_and_leave_what_telegram_has(self, record: Record) -> None:
        old, _ = record.picture(days=8), record.picture(days=6)

        [(job_id, key)] = record.aging.originals(WEEK, limit=MAX)
        record.aging.originals_gone([job_id])

        assert (job_id, key) == (old, jpeg_key(old))
        assert record.aging.originals(WEEK, limit=MAX) == []
        job = Jobs(record.database).read(old)
        assert job is not None
        assert (job.image_key, job.file_id, job.state) == (None, "photo", State.FINISHED)

    def test_that_nobody_has_got_stay(self, record: Record) -> None:
        record.picture(days=8, delivered=False)

        assert record.aging.originals(WEEK, limit=MAX) == []

    def test_that_work_under_way_needs_stay(self, record: Record) -> None:
        old = record.picture(days=8)
        waiting = submit(record.database)
        record.change(tables.jobs, waiting.id, picture_key=jpeg_key(old))

        assert record.aging.originals(WEEK, limit=MAX) == []


class TestRequests:
    def test_go_when_their_originals_are_gone(self, record: Record) -> None:
        old, young = record.picture(days=8), record.picture(days=6)
        assert record.aging.requests(WEEK, limit=MAX) == 0
        record.aging.originals_gone([old])

        assert record.aging.requests(WEEK, limit=MAX) == 1

        assert Jobs(record.database).read(old) is None
        assert Jobs(record.database).read(young) is not None

    def test_go_some_at_a_time(self, record: Record) -> None:
        record.aging.originals_gone([record.picture(days=8) for _ in range(3)])

        assert [record.aging.requests(WEEK, limit=2) for _ in range(3)] == [2, 1, 0]


class TestDetails:
    def test_go_and_what_it_cost_stays(self, record: Record) -> None:
        job = submit_and_claim(record.database)
        Jobs(record.database).wait(
            job,
            seconds=1,
            stage=Stage.PAINTING,
            reason="service_busy",
            failures=1,
            attempts=[an_attempt(outcome="service_busy", detail="a red fox is too busy", cost=5)],
        )
        old = datetime.now(UTC) - timedelta(days=8)
        record.change(tables.attempts, at=old)
        record.change(tables.stages, at=old)

        while record.aging.details(WEEK, limit=1):
            continue

        with record.database.reading() as connection:
            paid = connection.execute(select(tables.attempts)).one()
        assert (paid.detail, paid.cost) == (None, 5)
        assert record.count(tables.stages) == 0


class TestChats:
    def test_go_with_the_conversation_when_nothing_of_it_is_left(self, record: Record) -> None:
        record.question(days=9)
        young = record.question(days=6)
        record.change(tables.conversations, created_at=datetime.now(UTC) - timedelta(days=9))

        assert record.aging.chats(WEEK, limit=MAX) == 1
        assert (record.count(tables.errands), record.count(tables.conversations)) == (1, 1)
        record.change(tables.errands, young, ended_at=datetime.now(UTC) - timedelta(days=9))

        assert record.aging.chats(WEEK, limit=MAX) == 1
        assert (record.count(tables.errands), record.count(tables.conversations)) == (0, 0)


class TestUpdates:
    @pytest.mark.parametrize("handle", [Updates.handled, lambda *_: None], ids=["handled", "unhandled"])
    def test_go_whether_handled_or_not(self, record: Record, handle: Callable[..., None]) -> None:
        updates = Updates(record.database, BOT)
        updates.keep([RawUpdate(1, "{}"), RawUpdate(2, "{}")])
        handle(updates, [1, 2])
        with record.database.writing() as connection:
            old = update(tables.updates).where(tables.updates.c.update_id == 1)
            connection.execute(old.values(received_at=datetime.now(UTC) - timedelta(days=8)))

        assert record.aging.updates(WEEK, limit=MAX) == 1
        assert record.count(tables.updates) == 1

    def test_go_with_the_ideas_that_were_typed_a_day_ago(self, record: Record) -> None:
        ideas = InlineIdeas(record.database, BOT)
        ideas.keep(7, "a red fox")
        record.change(tables.inline_ideas, at=datetime.now(UTC) - timedelta(hours=25))
        ideas.keep(7, "a blue owl")

        record.aging.updates(WEEK, limit=MAX)

        assert record.count(tables.inline_ideas) == 1
