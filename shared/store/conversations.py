"""The rows of conversations with Gemini: one for each chat, or topic of it."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update

from shared.clock import present
from shared.errands import Conversation, Errand, ErrandKind
from shared.jobs import Address, State
from shared.store import tables
from shared.store.database import Database, insert_new
from shared.store.rows import read_errand
from shared.store.types import TableRow

RECENT_TURNS = 100  # among which a message that somebody replies to is looked for
MAX_TURNS = 400  # read at once; whatever is older than these has long been summarised

_AT = select(tables.conversations).where(
    *(tables.conversations.c[name] == bindparam(name) for name in ("bot_id", "chat_id", "topic_id"))
)


class Conversations:
    """The rows of conversations, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, bot_id: int, chat_id: int, topic_id: int | None = None) -> Conversation:
        """Return the conversation of a chat, or of a topic of it; begins one where there is none."""
        place = {"bot_id": bot_id, "chat_id": chat_id, "topic_id": topic_id or 0}
        with self._database.writing() as connection:
            connection.execute(
                insert_new(self._database, tables.conversations)
                .values(**place, created_at=present())
                .on_conflict_do_nothing()
            )
            return _read(connection.execute(_AT, place).one())

    def find(self, bot_id: int, chat_id: int, topic_id: int | None = None) -> Conversation | None:
        """Return the conversation of a chat, or of a topic of it, if there is one."""
        with self._database.reading() as connection:
            row = connection.execute(_AT, {"bot_id": bot_id, "chat_id": chat_id, "topic_id": topic_id or 0}).first()
            return _read(row) if row else None

    def read(self, conversation_id: int) -> Conversation | None:
        """Read one conversation."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(tables.conversations).where(tables.conversations.c.id == conversation_id)
            ).first()
            return _read(row) if row else None

    def start_over(self, conversation_id: int) -> None:
        """Forget everything that was asked until now, also what is not answered yet."""
        conversations = tables.conversations.c
        newest = select(func.coalesce(func.max(tables.errands.c.id), 0)).where(
            tables.errands.c.conversation_id == conversation_id
        )
        with self._database.writing() as connection:
            connection.execute(
                update(tables.conversations)
                .where(conversations.id == conversation_id)
                .values(begins_after=newest.scalar_subquery(), summary=None, summarised_until=0)
            )

    def exchanges(self, conversation: Conversation, *, before: int | None = None) -> list[Errand]:
        """Return the answered exchanges that are neither forgotten nor in the summary, oldest first.

        Args:
            before: The errand that is to be answered; only what was asked before it counts.
        """
        errands = tables.errands.c
        newest = (
            select(tables.errands)
            .where(
                errands.conversation_id == conversation.id,
                errands.kind == ErrandKind.CHAT,
                errands.state == State.FINISHED,
                errands.id > max(conversation.begins_after, conversation.summarised_until),
                or_(func.trim(errands.answer) != "", errands.result["drawing"].as_string().is_not(None)),
            )
            .order_by(errands.id.desc())
            .limit(MAX_TURNS)
        )
        if before is not None:
            newest = newest.where(errands.id < before)
        with self._database.reading() as connection:
            return [read_errand(row) for row in connection.execute(newest)][::-1]

    def shortly_before(self, address: Address, moment: datetime, *, within: timedelta, limit: int) -> list[Errand]:
        """Return the newest answered exchanges of this chat and topic that were not long before a moment."""
        talk = self.find(address.bot_id, address.chat_id, address.topic_id)
        if talk is None:
            return []
        return [
            exchange
            for exchange in self.exchanges(talk)[-limit:]
            if exchange.ended_at is not None and moment - within <= exchange.ended_at <= moment
        ]

    def turn_shown_as(self, address: Address) -> Errand | None:
        """Return the exchange whose answer is, in whole or in part, the message at this address, if recent."""
        talk = self.find(address.bot_id, address.chat_id, address.topic_id)
        if talk is None:
            return None
        errands = tables.errands.c
        newest = (
            select(tables.errands)
            .where(errands.conversation_id == talk.id, errands.kind == ErrandKind.CHAT, errands.answer.is_not(None))
            .order_by(errands.id.desc())
            .limit(RECENT_TURNS)
        )
        with self._database.reading() as connection:
            exchanges = [read_errand(row) for row in connection.execute(newest)]
        return next((one for one in exchanges if one.shown and address.message_id in one.shown["messages"]), None)

    def keep_summary(self, conversation: Conversation, summary: str, *, until: int) -> bool:
        """Write down what the exchanges up to errand ``until`` came to; False when it was started over meanwhile."""
        conversations = tables.conversations.c
        with self._database.writing() as connection:
            kept = connection.execute(
                update(tables.conversations)
                .where(
                    conversations.id == conversation.id,
                    conversations.begins_after == conversation.begins_after,
                    conversations.summarised_until == conversation.summarised_until,
                )
                .values(summary=summary, summarised_until=until)
            )
            return kept.rowcount == 1


def _read(row: TableRow) -> Conversation:
    return Conversation(
        id=row.id, begins_after=row.begins_after, summary=row.summary, summarised_until=row.summarised_until
    )
