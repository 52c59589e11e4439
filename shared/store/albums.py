"""An album sent to the bot: several messages, without a word of how many, become one question."""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum

from sqlalchemy import Connection, select, update

from shared.clock import present
from shared.errands import Errand, ErrandKind, ErrandQuestion, StoredFile
from shared.jobs import Address, State
from shared.queue_policy import QueuePolicy
from shared.store import tables
from shared.store.database import Database, retrying
from shared.store.question_queue import QuestionQueue
from shared.store.rows import read_errand
from shared.store.types import TableRow

MORE_MAY_COME = timedelta(seconds=1)  # Telegram sends an album's messages one right after the other
CAPTION_MAY_COME = timedelta(seconds=3)  # without a word so far: what is wanted may stand under a later picture
LONGEST = timedelta(minutes=5)  # for a file that is being fetched; a bot that died comes back sooner
REPLIED = 0  # the number under which an album's question has the file that the album replies to
OPEN = (State.HELD, State.WAITING, State.QUEUED, State.CANCELLED)


class Place(Enum):
    """Where a message of an album belongs."""

    HERE = "it joins the question"
    DONE = "it is in the question already, or the person wants no answer"
    APART = "the question is being answered without it: it is one of its own"


class Albums:
    """Gathers the messages of albums into errands that nobody has begun, one transaction a method.

    The errand waits while files of it are being fetched, and a moment longer for further messages.
    """

    def __init__(self, database: Database, policy: QueuePolicy | None = None) -> None:
        """Gather albums in this database, on the owner's terms where they aren't the usual ones."""
        self._database = database
        self._queue = QuestionQueue(database, policy)

    @retrying
    def join(self, errand_id: int, message_id: int, question: ErrandQuestion) -> Place:
        """Let an album's errand wait for the file of one more message. The same message twice is one."""
        with self._database.writing() as connection:
            row = _locked(connection, errand_id)
            there = row.question
            if not _is_open(row):
                taken = any(one["message_id"] == message_id for one in there["attachments"])
                return Place.DONE if taken or row.stop_asked else Place.APART
            if question["text"] not in there["text"]:
                there["text"] = f"{there['text']}\n{question['text']}".strip()
            if "reply_to" in question:
                there["reply_to"] = question["reply_to"]
            there["awaited"] = sorted({*there["awaited"], message_id})
            self._wait(connection, row, there)
            return Place.HERE

    @retrying
    def bring(self, errand_id: int, message_id: int, attachments: Sequence[StoredFile]) -> bool:
        """Add the files of a message that has joined; none: there are none to be had.

        Args:
            attachments: Each with the ``message_id`` that brought it, or ``REPLIED``.

        Returns:
            False where the question is being answered without it.
        """
        with self._database.writing() as connection:
            row = _locked(connection, errand_id)
            if not _is_open(row):
                return bool(row.stop_asked)
            question = row.question
            question["awaited"] = [one for one in question["awaited"] if one != message_id]
            numbers = {message_id, *(one["message_id"] for one in attachments)}
            others = [one for one in question["attachments"] if one["message_id"] not in numbers]
            question["attachments"] = sorted([*others, *attachments], key=lambda one: int(one["message_id"]))
            self._wait(connection, row, question)
            self._database.tell_of_errand(connection, errand_id)
            return True

    @retrying
    def withdraw(self, errand: Errand) -> None:
        """End an album's question: the album belongs to a command, and asks nothing."""
        errands, now = tables.errands.c, present()
        with self._database.writing() as connection:
            row = _locked(connection, errand.id)
            ended = {"state": State.CANCELLED, "ended_at": now, "delivered_at": now} if _is_open(row) else {}
            connection.execute(update(tables.errands).where(errands.id == errand.id).values(stop_asked=True, **ended))
            if ended:
                self._queue.let_in_after(connection, row)
            self._database.tell_of_errand(connection, errand.id)

    def find(self, bot_id: int, chat_id: int, album: str) -> Errand | None:
        """The question of an album, if a message of it was taken for one."""
        errands = tables.errands.c
        wanted = select(tables.errands).where(
            errands.bot_id == bot_id,
            errands.chat_id == chat_id,
            errands.kind == ErrandKind.CHAT,
            errands.request_key == Address(bot_id, chat_id, 0, album=album).request_key,
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return read_errand(row) if row is not None else None

    def _wait(self, connection: Connection, row: TableRow, question: ErrandQuestion) -> None:
        """Put the errand aside; where nothing of the album can be had there is nothing to answer, until more comes."""
        now = present()
        is_empty = not question["awaited"] and not question["attachments"]
        brought = [one["message_id"] for one in question["attachments"] if one["message_id"] != REPLIED]
        first = [*question["awaited"], *brought, row.message_id]
        # One that was cancelled for a while has left the line: it comes in again where there is room.
        is_held = row.state in {State.HELD, State.CANCELLED}
        connection.execute(
            update(tables.errands)
            .where(tables.errands.c.id == row.id)
            .values(
                question=question,
                message_id=min(first),
                state=State.CANCELLED if is_empty else State.HELD if is_held else State.WAITING,
                not_before=now + pause_before(question),
                ended_at=now if is_empty else None,
                delivered_at=now if is_empty else None,
            )
        )
        if is_empty or row.state == State.CANCELLED:
            self._queue.let_in_after(connection, row)


def pause_before(question: ErrandQuestion) -> timedelta:
    """How long an album's question waits for what may still come of it."""
    if question["awaited"]:
        return LONGEST
    return MORE_MAY_COME if question["text"] else CAPTION_MAY_COME


def _locked(connection: Connection, errand_id: int) -> TableRow:
    return connection.execute(select(tables.errands).where(tables.errands.c.id == errand_id).with_for_update()).one()


def _is_open(row: TableRow) -> bool:
    return not row.claims and not row.stop_asked and row.state in OPEN
