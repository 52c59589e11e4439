"""Fair queue of questions: turns, held questions, and which are let in when one has ended.

Questions stand in the same fair order as pictures (``line.py``), in a flow of their own. A question is held back while
its person has as many in flight as one may have, and while an earlier question of its conversation has not ended: so
whatever is queued can be claimed, and a claim passes over nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, case, exists, func, select, update

from shared.errands import QUESTIONS
from shared.errors import GroupQuestionsFull, QuestionsFull
from shared.jobs import Sender, State
from shared.queue_policy import Flow, QueuePolicy
from shared.store import tables
from shared.store.database import Database
from shared.store.fair_queue import AT_ONCE, know, let_in_at, push, virtual_time
from shared.store.job_states import IN_FLIGHT, UNDER_WAY, state_is
from shared.store.types import TableRow

_errands, _earlier = tables.errands.c, tables.errands.alias()
IS_QUESTION = _errands.kind.in_(sorted(str(kind) for kind in QUESTIONS))
# In the words of the indexes.
IN_FLIGHT_NOW, HELD, NOT_ENDED = (
    state_is(*states, of=tables.errands) for states in (IN_FLIGHT, (State.HELD,), UNDER_WAY)
)
IS_BEHIND = exists().where(
    _earlier.c.conversation_id == _errands.conversation_id,
    _earlier.c.id < _errands.id,
    state_is(*UNDER_WAY, of=_earlier),
)
# People with a held question that no earlier one of its conversation keeps back.
HELD_FIRST = select(_errands.user_id).where(HELD, ~IS_BEHIND).distinct().limit(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new question stands."""

    turn: float
    is_held: bool

    def state(self, *, waits: bool) -> State:
        """The state in which the question is written down; ``waits``: nobody may begin it yet."""
        if self.is_held:
            return State.HELD
        return State.WAITING if waits else State.QUEUED


class QuestionQueue:
    """The rules of the line; every method but ``repair`` is a part of its caller's transaction."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Keep the line on these terms."""
        self._database = database
        self._policy = policy or QueuePolicy()

    def take_place(
        self, connection: Connection, sender: Sender, now: datetime, *, group: int | None, conversation_id: int | None
    ) -> Place:
        """Take a place for a question.

        Args:
            group: The group chat that it is asked in.
            conversation_id: Of which it is a turn; its row is locked by the caller.

        Raises:
            QuestionsFull: This person, or the group, has asked as many as one may.
        """
        last_turn = know(self._database, connection, sender, now).last_question_turn
        its_own = (_errands.user_id == sender.id, IS_QUESTION)
        in_flight, held = _count(connection, *its_own, IN_FLIGHT_NOW), _count(connection, *its_own, HELD)
        if in_flight + held >= self._policy.questions_queued:
            raise QuestionsFull(limit=self._policy.questions_queued)
        most = self._policy.questions_queued_in_group
        if group is not None and _count(connection, *_in_group(group)) >= most:
            raise GroupQuestionsFull(limit=most)
        turn = max(virtual_time(connection), last_turn + self._policy.cost(sender.id, Flow.QUESTIONS))
        push(connection, sender.id, Flow.QUESTIONS, turn)
        talk = _errands.conversation_id == conversation_id
        is_behind = conversation_id is not None and _count(connection, talk, NOT_ENDED) > 0
        return Place(turn, is_behind or in_flight >= self._policy.questions_in_flight)

    def beside(self, connection: Connection, sender: Sender, now: datetime) -> Place:
        """Take a place for what is no question: it counts towards nothing, and holds nothing back."""
        know(self._database, connection, sender, now)
        return Place(virtual_time(connection), is_held=False)

    def let_in_after(self, connection: Connection, ended: TableRow) -> None:
        """Let in what an errand held back that has ended; to be called in the transaction that ends it."""
        people = {ended.user_id}
        if ended.conversation_id is not None:
            talk = tables.conversations.c.id == ended.conversation_id
            # The next question of the conversation waits here, and then sees that this one has ended.
            connection.execute(select(tables.conversations.c.id).where(talk).with_for_update())
            behind = select(_errands.user_id).where(_errands.conversation_id == ended.conversation_id, HELD)
            people |= set(connection.scalars(behind.order_by(_errands.id).limit(1)))
        self.let_in(connection, people)

    def let_in(self, connection: Connection, user_ids: Iterable[int]) -> int:
        """Let held questions of these people into the line as far as there is room; returns how many."""
        return sum(self._let_in(connection, user_id) for user_id in sorted(set(user_ids)))

    def _let_in(self, connection: Connection, user_id: int) -> int:
        connection.execute(select(tables.users.c.id).where(tables.users.c.id == user_id).with_for_update())
        in_flight, before = connection.execute(
            select(func.count(), func.max(_errands.turn)).where(_errands.user_id == user_id, IS_QUESTION, IN_FLIGHT_NOW)
        ).one()
        held = select(_errands.id, _errands.turn).where(_errands.user_id == user_id, HELD, ~IS_BEHIND)
        first = held.order_by(_errands.turn, _errands.id).limit(max(self._policy.questions_in_flight - in_flight, 0))
        rows = connection.execute(first.with_for_update(skip_locked=True)).all()
        if rows:
            self._queue(connection, user_id, rows, before)
        return len(rows)

    def _queue(
        self, connection: Connection, user_id: int, rows: Sequence[Row[int, float]], before: float | None
    ) -> None:
        """Queue held questions, each at its turn or where it would come if it was asked now."""
        now, cost = virtual_time(connection), self._policy.cost(user_id, Flow.QUESTIONS)
        for row in sorted(rows, key=lambda one: (one.turn, one.id)):
            before = let_in_at(row.turn, now=now, before=before, cost=cost)
            state = case((_errands.not_before.is_(None), State.QUEUED), else_=State.WAITING)
            connection.execute(update(tables.errands).where(_errands.id == row.id).values(state=state, turn=before))
            self._database.tell_of_errand(connection, row.id, goes_on=True)
            push(connection, user_id, Flow.QUESTIONS, before)

    def repair(self) -> int:
        """Let in people who were forgotten, by a change of the caps or an older version; returns how many questions.

        A transaction for each person, as ``FairQueue.repair``.
        """
        with self._database.reading() as connection:
            people = sorted(connection.scalars(HELD_FIRST))
        let_in = 0
        for user_id in people:
            with self._database.writing() as connection:
                let_in += self._let_in(connection, user_id)
        return let_in


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(tables.errands).where(*conditions)) or 0


def _in_group(chat_id: int) -> tuple[ColumnElement[bool], ...]:
    return _errands.chat_id == chat_id, ~_errands.private, NOT_ENDED, IS_QUESTION
