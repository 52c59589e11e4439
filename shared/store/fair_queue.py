"""Start-time fair queue of pictures: turns, held jobs, and which of them are let in when a place becomes free.

Start-time fair queueing. A job stands at its *turn*: the later of the *virtual time* (the turn of the last job claimed)
and one picture's cost behind its person's job before it. Of one person only so many pictures stand in the line at a
time; the others are held behind it, and the transaction that ends a job lets the next one in.

A transaction that changes the line holds the person's row in ``users``, the last in the lock order: jobs are locked
before it, or after it without waiting (``shared/store/locks.py``).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from shared.errors import GroupQueueFull, QueueFull
from shared.jobs import Sender, Stage, State
from shared.queue_policy import Flow, QueuePolicy
from shared.store import tables
from shared.store.database import Database, InsertInto, built_once
from shared.store.job_states import ALONE, IN_FLIGHT, UNDER_WAY, state_is
from shared.store.locks import in_order
from shared.store.types import InsertReturning, TableRow, TableSelect

NOTHING_YET = -1.0  # the last turn of who never asked for anything
LAST_TURN = {Flow.PICTURES: "last_turn", Flow.BATCHES: "last_batch_turn", Flow.QUESTIONS: "last_question_turn"}
AT_ONCE = 100  # people whose held jobs are looked after in one round of the sweep


_jobs, _users = tables.jobs.c, tables.users.c
Held: TypeAlias = Row[int, float]  # id and turn of a job

_NEWEST_TURNS = [
    select(func.max(one.c.turn)).where(one.c.started_at.is_not(None)).scalar_subquery()
    for one in (tables.jobs, tables.errands)
]
VIRTUAL_TIME = select(*_NEWEST_TURNS)
STANDING: TableSelect = select(
    func.count().filter(ALONE).label("alone"),
    func.count().filter(~ALONE).label("in_batches"),
    func.max(_jobs.turn).filter(ALONE).label("last_alone"),
    func.max(_jobs.turn).filter(~ALONE).label("last_in_batches"),
    select(func.count())
    .where(_jobs.user_id == bindparam("whose"), state_is(State.HELD), ALONE)
    .scalar_subquery()
    .label("held_alone"),
    _NEWEST_TURNS[0].label("newest_job"),
    _NEWEST_TURNS[1].label("newest_errand"),
).where(_jobs.user_id == bindparam("whose"), state_is(*IN_FLIGHT))
LOCKED = select(_users.last_turn, _users.last_batch_turn).where(_users.id == bindparam("whose")).with_for_update()
PUSH = {
    flow: update(tables.users)
    .where(_users.id == bindparam("whose"), _users[name] < bindparam("turn"))
    .values({name: bindparam("turn")})
    for flow, name in LAST_TURN.items()
}

# Most people have nothing that could be let in, and every job's end asks.
ANY_HELD = select(
    or_(
        exists().where(_jobs.user_id == bindparam("whose"), state_is(State.HELD), ALONE),
        exists().where(tables.batches.c.user_id == bindparam("whose"), tables.batches.c.state == "running"),
    )
)

_has_held = select(_jobs.id).where(_jobs.batch_id == tables.batches.c.id, state_is(State.HELD)).exists()
# People of whom something is held back: outside batches, and in running ones.
HELD_ALONE = select(_jobs.user_id).where(state_is(State.HELD), ALONE).distinct().limit(AT_ONCE)
HELD_IN_BATCHES = (
    select(tables.batches.c.user_id).where(tables.batches.c.state == "running", _has_held).distinct().limit(AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where new jobs of one person would stand: a turn and a state for each.

    Attributes:
        room: How many of them may stand in the line at once.
        before_batches: What this person has in flight of batches goes behind them.
    """

    user_id: int
    in_batch: bool
    turns: tuple[float, ...]
    room: int
    before_batches: bool = False

    def columns(self, number: int) -> dict[str, object]:
        """The columns of the job with this number, from 0."""
        state = State.QUEUED if number < self.room else State.HELD
        return {"turn": self.turns[number], "state": state, "stage": Stage.QUEUED}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What one person has in the line."""

    alone: int  # in flight
    in_batches: int  # in flight
    last_alone: float | None  # turn, in flight
    last_in_batches: float | None  # turn, in flight
    held_alone: int
    now: float  # the virtual time


class FairQueue:
    """The rules of the line; every method is a part of its caller's transaction."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Keep the line on these terms."""
        self._database = database
        self.policy = policy or QueuePolicy()

    # Coming in

    def find_places(
        self, connection: Connection, sender: Sender, count: int, now: datetime, *, group: int | None = None
    ) -> Places:
        """Find places for pictures that somebody asks for; ``take`` makes them theirs.

        Args:
            group: The group chat that they are asked for in.

        Raises:
            QueueFull: This person, or the group, has asked for as many as one may.
        """
        last_turn = know(self._database, connection, sender, now).last_turn
        standing = _standing(connection, sender.id)
        if standing.alone + standing.held_alone + count > self.policy.queued:
            raise QueueFull(limit=self.policy.queued)
        if group is not None and _in_group(connection, group) + count > self.policy.queued_in_group:
            raise GroupQueueFull(limit=self.policy.queued_in_group)
        cost = self.policy.cost(sender.id, Flow.PICTURES)
        first = max(standing.now, last_turn + cost)
        room = 0 if standing.held_alone else max(self.policy.in_flight - standing.alone, 0)
        turns = tuple(first + number * cost for number in range(count))
        return Places(sender.id, False, turns, room, before_batches=standing.in_batches > 0)

    def find_places_for_batch(self, connection: Connection, sender: Sender, count: int, now: datetime) -> Places:
        """Find places for a batch's pictures, behind what its person asked for alone; ``take`` makes them theirs."""
        person = know(self._database, connection, sender, now)
        standing = _standing(connection, sender.id)
        cost = self.policy.cost(sender.id, Flow.BATCHES)
        behind_alone = person.last_turn + self.policy.cost(sender.id, Flow.PICTURES)
        first = max(standing.now, person.last_batch_turn + cost, behind_alone)
        held = any(self._first_held(connection, batch_id, 1) for batch_id in _running(connection, sender.id))
        room = 0 if held else max(self.policy.in_flight - standing.in_batches, 0)
        return Places(sender.id, True, tuple(first + number * cost for number in range(count)), room)

    def take(self, connection: Connection, places: Places) -> None:
        """Write down that the places are taken. Of one person, what was asked for alone goes before batches."""
        if not places.turns:
            return
        user_id, last = places.user_id, places.turns[-1]
        push(connection, user_id, Flow.BATCHES if places.in_batch else Flow.PICTURES, last)
        if not places.before_batches:
            return
        own = [_jobs.user_id == user_id, state_is(State.QUEUED), _jobs.batch_id.is_not(None)]
        first = connection.scalar(select(func.min(_jobs.turn)).where(*own))
        behind = last + self.policy.cost(user_id, Flow.PICTURES)
        if first is not None and first < behind:
            theirs = select(_jobs.id).where(*own).with_for_update(skip_locked=True)
            shift = update(tables.jobs).where(_jobs.id.in_(theirs)).values(turn=_jobs.turn + (behind - first))
            connection.execute(shift)

    # Being let in

    def let_in(self, connection: Connection, user_ids: Iterable[int]) -> int:
        """Let held jobs of these people into the line as far as there is room; returns how many.

        To be called by whatever ends a job, in the same transaction.
        """
        return sum(self._let_in(connection, user_id) for user_id in sorted(set(user_ids)))

    def _let_in(self, connection: Connection, user_id: int) -> int:
        person = connection.execute(LOCKED, {"whose": user_id}).first()
        if person is None or not connection.scalar(ANY_HELD, {"whose": user_id}):
            return 0
        standing = _standing(connection, user_id)
        cost = self.policy.cost(user_id, Flow.PICTURES)
        alone = self._held_alone(connection, user_id, self.policy.in_flight - standing.alone)
        last_alone = self._queue(connection, alone, standing.last_alone, cost)
        if last_alone is not None:
            push(connection, user_id, Flow.PICTURES, last_alone)

        in_batches = self._held_in_batches(connection, user_id, self.policy.in_flight - standing.in_batches)
        # Of one person, what was asked for alone goes before batches.
        behind = max(person.last_turn, person.last_turn if last_alone is None else last_alone) + cost
        last = self._queue(
            connection, in_batches, standing.last_in_batches, self.policy.cost(user_id, Flow.BATCHES), behind
        )
        if last is not None:
            push(connection, user_id, Flow.BATCHES, last)
        return len(alone) + len(in_batches)

    def _queue(
        self, connection: Connection, held: list[Held], before: float | None, cost: float, not_before: float = 0.0
    ) -> float | None:
        """Queue held jobs, each at its turn or where it would come if it was asked for now; returns the last turn."""
        if not held:
            return None
        now = virtual_time(connection)
        turn: float = 0.0
        for job in held:
            turn = let_in_at(job.turn, now=max(now, not_before), before=before, cost=cost)
            connection.execute(update(tables.jobs).where(_jobs.id == job.id).values(state=State.QUEUED, turn=turn))
            before = turn
        return turn

    def _held_alone(self, connection: Connection, user_id: int, room: int) -> list[Held]:
        held = select(_jobs.id, _jobs.turn).where(_jobs.user_id == user_id, state_is(State.HELD), ALONE)
        return _first_by_turn(connection, held, room)

    def _held_in_batches(self, connection: Connection, user_id: int, room: int) -> list[Held]:
        found: list[Held] = []
        for batch_id in _running(connection, user_id) if room > 0 else ():
            found += self._first_held(connection, batch_id, room - len(found))
        return found

    @staticmethod
    def _first_held(connection: Connection, batch_id: int, room: int) -> list[Held]:
        held = select(_jobs.id, _jobs.turn).where(_jobs.batch_id == batch_id, state_is(State.HELD))
        return _first_by_turn(connection, held, room)

    def repair(self) -> int:
        """Let in people who were forgotten, by a change of the caps or an older version; returns how many jobs.

        A transaction for each person: one that held them all would keep everybody else waiting.
        """
        with self._database.reading() as connection:
            people = self._with_held(connection)
        let_in = 0
        for user_id in people:
            with self._database.writing() as connection:
                let_in += self._let_in(connection, user_id)
        return let_in

    @staticmethod
    def _with_held(connection: Connection) -> list[int]:
        """Some people of whom something is held back, outside batches or in running ones."""
        return sorted({*connection.scalars(HELD_ALONE), *connection.scalars(HELD_IN_BATCHES)})

    # Stepping back

    def hold_batch(self, connection: Connection, batch_id: int) -> int:
        """Take a batch's queued jobs out of the line, for it was paused; returns how many."""
        theirs = in_order(tables.jobs, _jobs.batch_id == batch_id, state_is(State.QUEUED))
        return connection.execute(update(tables.jobs).where(_jobs.id.in_(theirs)).values(state=State.HELD)).rowcount

    def forget(self, connection: Connection, user_ids: Collection[int]) -> None:
        """Give back the turns that these people's jobs would have taken: they were cancelled."""
        now = virtual_time(connection)
        for user_id in sorted(set(user_ids)):
            for column, in_batch in ((tables.users.c.last_turn, False), (tables.users.c.last_batch_turn, True)):
                kind = _jobs.batch_id.is_not(None) if in_batch else ALONE
                mine = [_jobs.user_id == user_id, kind]
                left = [
                    connection.scalar(select(func.max(_jobs.turn)).where(*mine, state_is(State.HELD))),
                    connection.scalar(select(func.max(_jobs.turn)).where(*mine, state_is(*IN_FLIGHT))),
                ]
                last = max([now, *(turn for turn in left if turn is not None)])
                connection.execute(
                    update(tables.users).where(tables.users.c.id == user_id, column > last).values({column.name: last})
                )


def let_in_at(turn: float, *, now: float, before: float | None, cost: float) -> float:
    """The turn at which a held job comes into the line. Pure.

    Args:
        turn: The one it got when it was asked for.
        now: The virtual time: a person who was held back has saved nothing up.
        before: The turn of the same person's last job in the line; None without one.
        cost: Of one picture.
    """
    return max(turn, now) if before is None else max(turn, now, before + cost)


def virtual_time(connection: Connection) -> float:
    """The turn of the last job or errand claimed."""
    return _latest(connection.execute(VIRTUAL_TIME).one())


def _latest(turns: Iterable[float | None]) -> float:
    return max((turn for turn in turns if turn is not None), default=0.0)


def know(database: Database, connection: Connection, sender: Sender, now: datetime) -> TableRow:
    """Lock a person's row in ``users``, made new where there is none, and read the turns of their newest work."""
    new = {"id": sender.id, "language": sender.language, "settings": {}, "created_at": now}
    return connection.execute(_knowing(database), new | dict.fromkeys(LAST_TURN.values(), NOTHING_YET)).one()


@built_once
def _knowing(insert: InsertInto) -> InsertReturning:
    person = insert(tables.users)
    known = person.on_conflict_do_update(index_elements=["id"], set_={"language": person.excluded.language})
    return known.returning(*(_users[name] for name in LAST_TURN.values()))


def push(connection: Connection, user_id: int, flow: Flow, turn: float) -> None:
    """Note the turn of a person's newest work in a flow."""
    connection.execute(PUSH[flow], {"whose": user_id, "turn": turn})


def _standing(connection: Connection, user_id: int) -> _Standing:
    row = connection.execute(STANDING, {"whose": user_id}).one()
    return _Standing(
        row.alone,
        row.in_batches,
        row.last_alone,
        row.last_in_batches,
        row.held_alone,
        _latest((row.newest_job, row.newest_errand)),
    )


def _in_group(connection: Connection, chat_id: int) -> int:
    here = and_(_jobs.chat_id == chat_id, ~_jobs.private, ALONE, state_is(*UNDER_WAY))
    return connection.scalar(_count(here)) or 0


def _running(connection: Connection, user_id: int) -> list[int]:
    batches = tables.batches.c
    running = select(batches.id).where(batches.user_id == user_id, batches.state == "running").order_by(batches.id)
    return list(connection.scalars(running))


def _count(*conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(tables.jobs).where(*conditions)


def _first_by_turn(connection: Connection, held: Select[int, float], room: int) -> list[Held]:
    if room <= 0:
        return []
    first = held.order_by(_jobs.turn).limit(room).with_for_update(skip_locked=True)
    return sorted(connection.execute(first).all(), key=lambda job: (job.turn, job.id))
