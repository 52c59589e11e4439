"""Queue depth and age by kind, for metrics and alerts; reads indexes only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, Table, case, func, literal, select, text

from shared.clock import present
from shared.errands import ErrandKind
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database
from shared.store.job_states import ALONE, IN_FLIGHT, state_is
from shared.store.spending import Spent, read_spent

PICTURE, OF_BATCH, QUESTION = "picture", "batch picture", "question"
KINDS = (PICTURE, OF_BATCH, QUESTION)

_jobs, _errands, _workers = tables.jobs.c, tables.errands.c, tables.workers.c


@dataclass(frozen=True, slots=True)
class Depth:
    """Work of one kind in one state: how much, and the age of the oldest in seconds."""

    kind: str
    state: str
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Depths:
    """What waits at one moment.

    Attributes:
        undelivered, undelivered_s: Pictures asked for alone that ended and have not arrived, and the oldest's age.
        workers, slots: Of workers whose sign of life is no older than a lease.
    """

    queues: tuple[Depth, ...]
    undelivered: int
    undelivered_s: float
    workers: int
    slots: int
    spent: Spent

    def count(self, *states: str) -> int:
        """How much work is in these states, what batches wait for aside."""
        return sum(one.count for one in self.queues if one.kind != OF_BATCH and one.state in states)

    def oldest_s(self, *states: str) -> float:
        """The age of the oldest work in these states, what batches wait for aside."""
        ages = (one.oldest_s for one in self.queues if one.kind != OF_BATCH and one.state in states)
        return max(ages, default=0.0)


def read_depths(database: Database) -> Depths:
    """Look now."""
    now = present()
    alive = select(func.count(), func.coalesce(func.sum(_workers.slots), 0)).where(_workers.alive_until >= now)
    with database.reading() as connection:
        workers, slots = connection.execute(alive).one()
        undelivered, since = connection.execute(_undelivered()).one()
        return Depths(
            queues=(*_pictures(connection, now), *_questions(connection, now)),
            undelivered=undelivered,
            undelivered_s=_age(since, now),
            workers=workers,
            slots=slots,
            spent=read_spent(connection, now),
        )


def _undelivered() -> Select[int, datetime | None]:
    # In the words of its index.
    due = (_jobs.delivered_at.is_(None), ALONE, state_is(State.FINISHED, State.FAILED, State.CANCELLED))
    return select(func.count(), func.min(_jobs.ended_at)).where(*due)


def _pictures(connection: Connection, now: datetime) -> Iterator[Depth]:
    # Each part has its own index, in which nothing is that ended.
    kind = case((ALONE, PICTURE), else_=OF_BATCH)
    yield from _counted(connection, kind, tables.jobs, (state_is(*IN_FLIGHT),), now)
    for name, part in ((PICTURE, ALONE), (OF_BATCH, ~ALONE)):
        yield from _counted(connection, literal(name), tables.jobs, (state_is(State.HELD), part), now)


def _questions(connection: Connection, now: datetime) -> Iterator[Depth]:
    asked = _errands.kind.in_([ErrandKind.CHAT, ErrandKind.DESCRIBE])
    for states in (IN_FLIGHT, (State.HELD,)):
        part = (state_is(*states, of=tables.errands), asked)
        yield from _counted(connection, literal(QUESTION), tables.errands, part, now)


def _counted(
    connection: Connection,
    kind: ColumnElement[str],
    table: Table,
    part: tuple[ColumnElement[bool], ...],
    now: datetime,
) -> Iterator[Depth]:
    columns = table.c
    groups = (kind.label("what"), columns.state)
    counted = (
        select(*groups, func.count(), func.min(columns.created_at)).where(*part).group_by(text("what"), columns.state)
    )
    for row in connection.execute(counted):
        yield Depth(row[0], row[1], row[2], _age(row[3], now))


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
