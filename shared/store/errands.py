"""The rows of errands: submitted by the bot, run by the worker that holds the lease, delivered by the bot."""

from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import Connection, bindparam, case, select, update

from shared.budgets import Period
from shared.clock import present
from shared.errands import (
    OWN_DATA,
    QUESTIONS,
    SILENT,
    UNPAID,
    Bill,
    Errand,
    ErrandKind,
    ErrandQuestion,
    ErrandResult,
    ShownMessages,
)
from shared.errors import BadCredentials, ExportUnderWay
from shared.jobs import ENDED, Address, Sender, State, Writing
from shared.queue_policy import QueuePolicy
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.status_messages import Work
from shared.store import tables
from shared.store.alerts import REFUSED, note
from shared.store.allowances import require_answer, require_question
from shared.store.budgets import Asker
from shared.store.database import Database, insert_new, retrying
from shared.store.job_states import UNDER_WAY
from shared.store.jobs import LostTurn
from shared.store.question_queue import Place, QuestionQueue
from shared.store.rows import columns_of, read_errand
from shared.store.spending import book
from shared.store.status_messages import left_by, messages_of, remove
from shared.store.types import TableRow, TableSelect

OWN_DATA_MAY_TAKE = timedelta(days=1)  # from the request: files of years may have to be deleted
UNBEGUN = (State.HELD, State.QUEUED, State.WAITING)

CARRY_ON = update(tables.errands).where(
    tables.errands.c.id == bindparam("its_id"),
    tables.errands.c.state == State.WORKING,
    tables.errands.c.worker == bindparam("its_worker"),
    tables.errands.c.claims == bindparam("its_claims"),
)

MAX_EXPORTS = 500  # packed at a time that one look sees


def _being_answered(*kinds: ErrandKind) -> TableSelect:
    """This bot's errands of these kinds that are under way, oldest first."""
    errands = tables.errands.c
    under_way = (errands.delivered_at.is_(None), errands.state.in_(list(UNDER_WAY)), errands.kind.in_(kinds))
    wanted = select(tables.errands).where(errands.bot_id == bindparam("bot"), *under_way)
    return wanted.order_by(errands.id).limit(bindparam("most"))


STREAMING, EXPORTING = _being_answered(*QUESTIONS), _being_answered(ErrandKind.EXPORT)
_LEFT = (tables.errands.c.stop_asked, tables.errands.c.user_id, tables.errands.c.conversation_id)


class Errands:
    """The rows of errands, one transaction a method."""

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Keep errands in this database, on the owner's terms where they aren't the usual ones."""
        self._database = database
        self._policy = policy or QueuePolicy()
        self._queue = QuestionQueue(database, policy)

    # Taking in

    @retrying
    def submit(
        self,
        kind: ErrandKind,
        question: ErrandQuestion,
        *,
        address: Address,
        sender: Sender,
        writing: Writing | None = None,
        conversation_id: int | None = None,
        after: timedelta | None = None,
        shown: ShownMessages | None = None,
    ) -> tuple[Errand, bool]:
        """Write down an errand. The same message, album or press twice is one errand of a kind.

        Args:
            after: How long nobody may begin it.
            shown: Which messages hold its answer already; ``keep_shown`` tells of later ones.

        Returns:
            The errand, and whether it is new.

        Raises:
            QueueFull: This person, or the group, may not ask more questions now.
            ExportUnderWay: It is an export, and one of this person's is under way.
        """
        now = present()
        row_of_it = insert_new(self._database, tables.errands).on_conflict_do_nothing().returning(tables.errands)
        with self._database.writing() as connection:
            _lock_conversation(connection, conversation_id)
            if (known := _known(connection, kind, address)) is not None:
                return known, False
            place = self._place(connection, kind, address, sender, conversation_id, question=question)
            values = _columns(kind, question, address, sender, writing) | {
                "conversation_id": conversation_id,
                "state": place.state(waits=after is not None),
                "turn": place.turn,
                "not_before": now + after if after else None,
            }
            row = connection.execute(row_of_it, values | {"created_at": now, "shown": shown}).first()
            if row is not None:
                return read_errand(row), True
            if (known := _known(connection, kind, address)) is None:
                raise RuntimeError("an errand that stood in the way is not there")
            return known, False

    def _place(
        self,
        connection: Connection,
        kind: ErrandKind,
        address: Address,
        sender: Sender,
        conversation_id: int | None,
        *,
        question: ErrandQuestion,
    ) -> Place:
        now = present()
        if kind not in QUESTIONS:
            place = self._queue.beside(connection, sender, now)
            if kind is ErrandKind.EXPORT and not question.get("goes_on"):
                _require_no_export(connection, sender)
            return place
        asker = Asker(address.bot_id, sender.id, None if address.private else address.chat_id)
        place = self._queue.take_place(connection, sender, now, group=asker.group, conversation_id=conversation_id)
        require_question(self._database, connection, asker, self._policy)
        return place

    def read(self, errand_id: int) -> Errand | None:
        """Read one errand."""
        with self._database.reading() as connection:
            row = connection.execute(select(tables.errands).where(tables.errands.c.id == errand_id)).first()
            return read_errand(row) if row else None

    def asked_at(self, address: Address) -> Errand | None:
        """The question or description that this message asked for."""
        errands = tables.errands.c
        wanted = select(tables.errands).where(
            errands.bot_id == address.bot_id,
            errands.chat_id == address.chat_id,
            errands.request_key == address.request_key,
            errands.kind.in_(QUESTIONS),
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted.order_by(errands.id).limit(1)).first()
            return read_errand(row) if row else None

    def change_text(self, errand_id: int, text: str) -> bool:
        """Ask with other words; False where a worker has begun to answer."""
        errands = tables.errands.c
        unbegun = (errands.id == errand_id, errands.claims == 0, errands.state.in_(UNBEGUN))
        with self._database.writing() as connection:
            question = connection.scalar(select(errands.question).where(*unbegun).with_for_update())
            if question is None:
                return False
            changed = update(tables.errands).where(errands.id == errand_id).values(question=question | {"text": text})
            connection.execute(changed)
            return True

    @retrying
    def ask_to_stop(self, errand_id: int) -> Errand | None:
        """End an errand that nobody has begun; ask the worker that is at it to stop with what there is.

        Returns:
            The errand as it is now; None when there is none with this id.
        """
        errands = tables.errands.c
        unbegun = errands.state.in_(UNBEGUN)
        with self._database.writing() as connection:
            connection.execute(
                update(tables.errands)
                .where(errands.id == errand_id, errands.state.not_in(ENDED))
                .values(
                    stop_asked=True,
                    state=case((unbegun, State.CANCELLED), else_=errands.state),
                    ended_at=case((unbegun, present()), else_=None),
                )
            )
            row = connection.execute(select(tables.errands).where(errands.id == errand_id)).first()
            if row is None:
                return None
            self._database.tell_of_errand(connection, errand_id)
            if row.state == State.CANCELLED:
                self._queue.let_in_after(connection, row)
            return read_errand(row)

    # Carrying on. The worker's steps; each raises LostTurn when the errand is no longer this worker's.

    def say_more(self, errand: Errand, answer: str) -> bool:
        """Write down the answer as far as it has come; returns whether the person asked to stop."""
        return bool(self._carry_on(errand, answer=answer).stop_asked)

    def is_to_stop(self, errand: Errand) -> bool:
        """Whether the person has asked to stop, since the errand was claimed."""
        with self._database.reading() as connection:
            asked = select(tables.errands.c.stop_asked).where(tables.errands.c.id == errand.id)
            return bool(connection.scalar(asked))

    def note(self, errand: Errand, result: ErrandResult) -> None:
        """Write down what came of it so far."""
        self._carry_on(errand, result=result)

    def wait(self, errand: Errand, *, seconds: float, reason: str, failures: int) -> None:
        """Put the errand aside until so many seconds have passed; the worker's slot is free meanwhile."""
        self._carry_on(
            errand,
            state=State.WAITING,
            reason=reason,
            failures=failures,
            not_before=present() + timedelta(seconds=seconds),
            worker=None,
            lease_until=None,
        )

    def finish(
        self,
        errand: Errand,
        *,
        answer: str | None = None,
        result: ErrandResult | None = None,
        chat_model: str | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        bill: Bill = UNPAID,
    ) -> None:
        """Record what came of it. From here on, it is the bot's.

        Where the errand is no longer this worker's, what was paid for is recorded all the same.
        """
        paid = {"chat_model": chat_model, "tokens_in": tokens_in, "tokens_out": tokens_out, **asdict(bill)}
        try:
            self._end(errand, State.FINISHED, reason=None, answer=answer, result=result, **paid)
        except LostTurn:
            errands = tables.errands.c
            unknown = update(tables.errands).where(errands.id == errand.id, errands.tokens_out.is_(None))
            with self._database.writing() as connection:
                if connection.execute(unknown.values(**paid)).rowcount:
                    book(self._database, connection, bill.cost, present())
            raise

    def give_up(self, errand: Errand, reason: str) -> None:
        """Record that nothing, or nothing more, comes of it, and why."""
        self._end(errand, State.FAILED, reason=reason)

    def cancel(self, errand: Errand, bill: Bill = UNPAID) -> None:
        """Record that the person stopped it."""
        self._end(errand, State.CANCELLED, reason=None, **asdict(bill))

    def require_answer(self, errand: Errand) -> None:
        """Check before Gemini is called that it may answer on the owner's key; others may have asked meanwhile.

        Raises:
            BudgetUsedUp: The person has no tokens left today, or nobody has money.
        """
        address = errand.address
        group = None if address.private else address.chat_id
        with self._database.reading() as connection:
            asker = Asker(address.bot_id, errand.sender.id, group)
            require_answer(self._database, connection, asker, self._policy)

    def _end(self, errand: Errand, state: State, **values: object) -> None:
        now = present()
        if errand.kind in SILENT or errand.question.get("is_quiet"):
            values["delivered_at"] = now
        self._carry_on(errand, state=state, ended_at=now, worker=None, lease_until=None, **values)

    def _carry_on(self, errand: Errand, **values: object) -> TableRow:
        with self._database.writing() as connection:
            row = connection.execute(
                CARRY_ON.values(**values).returning(*_LEFT),
                {"its_id": errand.id, "its_worker": errand.worker, "its_claims": errand.claims},
            ).first()
            if row is None:
                raise LostTurn(f"errand {errand.id}")
            self._database.tell_of_errand(connection, errand.id, goes_on=values.get("state") not in ENDED)
            if values.get("state") in ENDED:
                self._queue.let_in_after(connection, row)
            now = present()
            if values.get("reason") == BadCredentials.reason:
                # Of a key of the person's own it would be another reason.
                service = HUGGINGFACE if errand.kind is ErrandKind.CANCEL_ORDER else GOOGLE
                note(self._database, connection, REFUSED[service], Period.DAY, now)
            book(self._database, connection, cost if isinstance(cost := values.get("cost"), int) else 0, now)
            return row

    # While it grows

    def streaming(self, bot_id: int, *, limit: int = 500) -> list[Errand]:
        """This bot's questions that are asked and not answered yet, oldest first."""
        with self._database.reading() as connection:
            return [read_errand(row) for row in connection.execute(STREAMING, {"bot": bot_id, "most": limit})]

    def exporting(self, bot_id: int) -> list[Errand]:
        """This bot's exports that are being packed."""
        with self._database.reading() as connection:
            return [read_errand(row) for row in connection.execute(EXPORTING, {"bot": bot_id, "most": MAX_EXPORTS})]

    def asked_by(self, address: Address, user_id: int) -> list[Errand]:
        """A person's questions in a chat, or in a topic of it, that are not answered yet, oldest first."""
        return [
            one
            for one in self.streaming(address.bot_id)
            if (one.address.chat_id, one.address.topic_id) == (address.chat_id, address.topic_id)
            and one.sender.id == user_id
        ]

    def keep_shown(self, errand_id: int, shown: ShownMessages) -> bool:
        """Remember which messages hold the answer, and what they say; False when it was delivered meanwhile.

        A message that held it and is not among them is to be removed: the number of one that announced the answer may
        have been written down a moment ago.
        """
        errands = tables.errands.c
        undelivered = (errands.id == errand_id, errands.delivered_at.is_(None))
        with self._database.writing() as connection:
            before: TableSelect = select(*left_by(tables.errands), errands.shown).where(*undelivered)
            row = connection.execute(before.with_for_update()).first()
            if row is None:
                return False
            connection.execute(update(tables.errands).where(errands.id == errand_id).values(shown=shown))
            remove(connection, Work.ERRAND, row, messages_of(row) - set(shown["messages"]))
            return True


def _known(connection: Connection, kind: ErrandKind, address: Address) -> Errand | None:
    """The errand of a kind that this message, album or press has asked for."""
    errands = tables.errands.c
    same = select(tables.errands).where(
        errands.bot_id == address.bot_id,
        errands.chat_id == address.chat_id,
        errands.kind == kind,
        errands.request_key == address.request_key,
    )
    row = connection.execute(same).first()
    return read_errand(row) if row else None


def _require_no_export(connection: Connection, sender: Sender) -> None:
    errands = tables.errands.c
    theirs = (errands.user_id == sender.id, errands.kind == ErrandKind.EXPORT, errands.delivered_at.is_(None))
    if connection.scalar(select(errands.id).where(*theirs).limit(1)) is not None:
        raise ExportUnderWay


def _lock_conversation(connection: Connection, conversation_id: int | None) -> None:
    """Lock a conversation's row: its exchanges get their numbers in the order in which they may begin."""
    if conversation_id is not None:
        its_own = tables.conversations.c.id == conversation_id
        connection.execute(select(tables.conversations.c.id).where(its_own).with_for_update())


def _columns(
    kind: ErrandKind, question: ErrandQuestion, address: Address, sender: Sender, writing: Writing | None
) -> dict[str, object]:
    """The columns that say what is asked, where and by whom."""
    return {
        "kind": kind,
        **columns_of(address, sender),
        "request_key": address.request_key,
        "question": question,
        "writing": asdict(writing) if writing else None,
        "deadline": present() + OWN_DATA_MAY_TAKE if kind in OWN_DATA else None,
    }
