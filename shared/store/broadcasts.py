"""Messages that an owner sends to all who use the bot: who is to get them, and who has got them.

To each person a message goes at most once. Who is being sent to is written down before the call; after a crash nobody
knows whether Telegram took it, and it is not sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, func, insert, literal, or_, select, update

from shared.access import INSIDERS, Mode, Role
from shared.clock import present
from shared.store import tables
from shared.store.database import Database, retrying
from shared.store.types import TableRow

SENDING_LASTS = timedelta(minutes=2)  # longer than a call; then its process is dead
MAX_LISTED = 20

_broadcasts, _receivers, _access = tables.broadcasts.c, tables.broadcast_receivers.c, tables.access.c


class BroadcastState(StrEnum):
    """Where a message to all stands."""

    ASKED = "asked"  # its owner has not said yet that it is to be sent
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


class Receipt(StrEnum):
    """What became of it for one person."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNREACHABLE = "unreachable"  # blocked the bot, or never wrote to it
    UNSURE = "unsure"  # Telegram did not say whether it took it
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One message to all.

    Attributes:
        text: Telegram HTML.
        asked_by: A person's id; None: on the command line.
        people: Who were to get it when it was asked for, or when it began.
        message: Chat and number of the message that tells how it goes.
    """

    id: int
    text: str
    state: BroadcastState
    asked_by: int | None
    people: int
    message: tuple[int, int] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How many got it, by what became of it."""

    counts: dict[Receipt, int]

    def of(self, *receipts: Receipt) -> int:
        """How many of these."""
        return sum(self.counts.get(one, 0) for one in receipts)

    @property
    def left(self) -> int:
        """How many have not been sent to yet, or are being sent to."""
        return self.of(Receipt.WAITING, Receipt.SENDING)


class Broadcasts:
    """The record of one bot's messages to all, one transaction a method."""

    def __init__(self, database: Database, bot_id: int, mode: Mode, owners: Sequence[int] = ()) -> None:
        """``mode`` tells who uses the bot: whom somebody let in, or all that ever wrote to it."""
        self._database = database
        self._bot_id = bot_id
        self._mode = mode
        self._owners = owners

    def ask(self, text: str, *, by: int | None) -> Broadcast:
        """Write a message down, which nobody gets before ``start``."""
        row = {
            "bot_id": self._bot_id,
            "text": text,
            "state": BroadcastState.ASKED,
            "asked_by": by,
            "created_at": present(),
        }
        with self._database.writing() as connection:
            count = connection.scalar(select(func.count()).select_from(self._people().subquery())) or 0
            made = insert(tables.broadcasts).values(row | {"people": count}).returning(tables.broadcasts)
            return _read(connection.execute(made).one())

    @retrying
    def start(self, broadcast_id: int, *, message: tuple[int, int] | None = None) -> bool:
        """Let it be sent to all who use the bot now; False: it was started or stopped already.

        Args:
            message: Chat and number of the message that is to tell how it goes.
        """
        chat_id, message_id = message or (None, None)
        now = present()
        begun = {"state": BroadcastState.RUNNING, "started_at": now, "chat_id": chat_id, "message_id": message_id}
        asked = self._is(broadcast_id, BroadcastState.ASKED)
        with self._database.writing() as connection:
            if connection.execute(update(tables.broadcasts).where(*asked).values(begun)).rowcount != 1:
                return False
            columns = ["broadcast_id", "user_id", "receipt"]
            people = self._people().add_columns(literal(str(Receipt.WAITING))).subquery()
            each = select(literal(broadcast_id), *people.c)
            connection.execute(insert(tables.broadcast_receivers).from_select(columns, each))
            theirs = select(func.count()).where(_receivers.broadcast_id == broadcast_id).scalar_subquery()
            connection.execute(update(tables.broadcasts).where(_broadcasts.id == broadcast_id).values(people=theirs))
        return True

    def stop(self, broadcast_id: int) -> bool:
        """Send it to nobody more; False: it has ended."""
        going = self._is(broadcast_id, BroadcastState.ASKED, BroadcastState.RUNNING)
        ended = {"state": BroadcastState.STOPPED, "ended_at": present()}
        with self._database.writing() as connection:
            return connection.execute(update(tables.broadcasts).where(*going).values(ended)).rowcount == 1

    def finish(self, broadcast_id: int) -> bool:
        """Note that all have got it, if nobody is left; whether that is so."""
        going = self._is(broadcast_id, BroadcastState.RUNNING)
        left = select(_receivers.user_id).where(*_of(broadcast_id, Receipt.WAITING, Receipt.SENDING)).exists()
        ended = {"state": BroadcastState.FINISHED, "ended_at": present()}
        with self._database.writing() as connection:
            return connection.execute(update(tables.broadcasts).where(*going, ~left).values(ended)).rowcount == 1

    def read(self, broadcast_id: int) -> Broadcast | None:
        """One of this bot's."""
        wanted = (_broadcasts.bot_id == self._bot_id, _broadcasts.id == broadcast_id)
        with self._database.reading() as connection:
            row = connection.execute(select(tables.broadcasts).where(*wanted)).first()
        return _read(row) if row is not None else None

    def newest(self) -> list[Broadcast]:
        """The newest, the last one first."""
        wanted = select(tables.broadcasts).where(_broadcasts.bot_id == self._bot_id)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(_broadcasts.id.desc()).limit(MAX_LISTED)).all()
        return [_read(row) for row in rows]

    def running(self) -> Broadcast | None:
        """The one that is to be sent now: of several the oldest."""
        wanted = (_broadcasts.bot_id == self._bot_id, _broadcasts.state == BroadcastState.RUNNING)
        with self._database.reading() as connection:
            row = connection.execute(select(tables.broadcasts).where(*wanted).order_by(_broadcasts.id).limit(1)).first()
        return _read(row) if row is not None else None

    def progress(self, broadcast_id: int) -> Progress:
        """How far it has come."""
        counted = select(_receivers.receipt, func.count()).where(_receivers.broadcast_id == broadcast_id)
        with self._database.reading() as connection:
            rows = connection.execute(counted.group_by(_receivers.receipt)).all()
        return Progress({Receipt(receipt): count for receipt, count in rows})

    # Sending

    @retrying
    def claim(self, broadcast_id: int, *, limit: int) -> list[int]:
        """Claim the task to send it to some people; none: it was stopped, or nobody waits."""
        now = present()
        with self._database.writing() as connection:
            going = select(_broadcasts.id).where(*self._is(broadcast_id, BroadcastState.RUNNING))
            if connection.scalar(going.with_for_update(read=True)) is None:
                return []
            self._give_up_lost(connection, broadcast_id, now)
            waiting = select(_receivers.user_id).where(*_of(broadcast_id, Receipt.WAITING))
            # Who was put back comes last: a chat that is closed for long keeps nobody waiting.
            in_turn = waiting.order_by(_receivers.since.is_not(None), _receivers.user_id)
            ids = connection.scalars(in_turn.limit(limit).with_for_update(skip_locked=True)).all()
            taken = {"receipt": Receipt.SENDING, "since": now}
            connection.execute(update(tables.broadcast_receivers).where(*_whose(broadcast_id, ids)).values(taken))
            return list(ids)

    def _give_up_lost(self, connection: Connection, broadcast_id: int, now: datetime) -> None:
        """Nobody knows whether those got it to whom a process was sending when it died."""
        lost = (*_of(broadcast_id, Receipt.SENDING), _receivers.since < now - SENDING_LASTS)
        connection.execute(update(tables.broadcast_receivers).where(*lost).values(receipt=Receipt.UNSURE))

    def note(self, broadcast_id: int, user_id: int, receipt: Receipt) -> None:
        """Note what became of it for one person; ``Receipt.WAITING``: Telegram has certainly not taken it."""
        whose = (*_whose(broadcast_id, [user_id]), _receivers.receipt == Receipt.SENDING)
        with self._database.writing() as connection:
            connection.execute(update(tables.broadcast_receivers).where(*whose).values(receipt=receipt))

    # Who

    def _people(self) -> Select[int]:
        roles = frozenset(Role) - {Role.BLOCKED} if self._mode is Mode.OPEN else INSIDERS
        uses = or_(_access.role.in_(sorted(roles)), _access.id.in_(self._owners))
        return select(_access.id).where(_access.bot_id == self._bot_id, _access.id > 0, uses)

    def _is(self, broadcast_id: int, *states: BroadcastState) -> tuple[ColumnElement[bool], ...]:
        return (_broadcasts.bot_id == self._bot_id, _broadcasts.id == broadcast_id, _broadcasts.state.in_(states))


def _of(broadcast_id: int, *receipts: Receipt) -> tuple[ColumnElement[bool], ...]:
    return (_receivers.broadcast_id == broadcast_id, _receivers.receipt.in_(receipts))


def _whose(broadcast_id: int, ids: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return (_receivers.broadcast_id == broadcast_id, _receivers.user_id.in_(ids))


def _read(row: TableRow) -> Broadcast:
    message = (row.chat_id, row.message_id) if row.message_id is not None else None
    state = BroadcastState(row.state)
    return Broadcast(row.id, row.text, state, row.asked_by, row.people, message, row.created_at)
