"""What belongs to a group goes along when it becomes a supergroup, where chat and messages have other numbers."""

from sqlalchemy import Connection, Table, case, delete, literal, null, select, update

from shared.access import Role
from shared.store import tables
from shared.store.database import Database, insert_new, retrying
from shared.store.fair_queue import NOTHING_YET
from shared.store.locks import in_order

ASKED = (tables.batches, tables.jobs, tables.errands)  # in the lock order, as all that follows
NO_MESSAGE = 0  # of the old group's messages none is in the new chat: nothing can be replied to, edited or deleted


class ChatMigration:
    """Moves a group's rows, one transaction for all."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id

    @retrying
    def move(self, chat_id: int, to: int) -> None:
        """Answer under the new id what was asked under the old one, and keep what was chosen and said. Twice is once.

        What the supergroup has chosen and said itself already stays as it is.
        """
        with self._database.writing() as connection:
            moved = insert_new(self._database, tables.moved_chats).values(chat_id=chat_id, moved_to=to)
            connection.execute(moved.on_conflict_do_nothing())
            for table in ASKED:
                _move(connection, table, self._bot_id, chat_id, to)
            _keep_conversation(connection, self._bot_id, chat_id, to)
            self._keep_choices(connection, chat_id, to)
            _keep_role(connection, self._bot_id, chat_id, to)
            # What the group has had today counts for it still.
            group = tables.attempts.c.group_id
            connection.execute(update(tables.attempts).where(group == chat_id).values(group_id=to))
            removals = tables.removals.c
            # Nobody can delete a message of the old group any more.
            of_group = (removals.bot_id == self._bot_id) & (removals.chat_id == chat_id)
            connection.execute(delete(tables.removals).where(of_group))

    def moved_to(self, chat_id: int) -> int | None:
        """The id of the supergroup that a group has become; None where it has not."""
        moved = tables.moved_chats.c
        with self._database.reading() as connection:
            return connection.scalar(select(moved.moved_to).where(moved.chat_id == chat_id))

    def _keep_choices(self, connection: Connection, chat_id: int, to: int) -> None:
        users = tables.users.c
        old = connection.execute(select(tables.users).where(users.id == chat_id)).first()
        if old is None or not old.settings:
            return
        turns = {"last_turn": NOTHING_YET, "last_batch_turn": NOTHING_YET}
        new = {"id": to, "language": old.language, "settings": {}, "created_at": old.created_at, **turns}
        connection.execute(insert_new(self._database, tables.users).values(new).on_conflict_do_nothing())
        chosen = connection.scalar(select(users.settings).where(users.id == to).with_for_update())
        if not chosen:
            connection.execute(update(tables.users).where(users.id == to).values(settings=old.settings))


def _keep_role(connection: Connection, bot_id: int, chat_id: int, to: int) -> None:
    """What was decided about the group holds for the supergroup, unless something was decided about that already."""
    access = tables.access.c
    old, new = ((access.bot_id == bot_id) & (access.id == one) for one in (chat_id, to))
    if connection.scalar(select(access.id).where(old)) is not None:
        connection.execute(delete(tables.access).where(new, access.role == Role.STRANGER))
        if connection.scalar(select(access.id).where(new)) is None:
            connection.execute(update(tables.access).where(old).values(id=to))


def _keep_conversation(connection: Connection, bot_id: int, chat_id: int, to: int) -> None:
    conversations = tables.conversations.c
    of_bot = select(conversations.id).where(conversations.bot_id == bot_id, conversations.chat_id == to)
    if connection.scalar(of_bot.limit(1)) is None:
        old = in_order(tables.conversations, conversations.bot_id == bot_id, conversations.chat_id == chat_id)
        connection.execute(update(tables.conversations).where(conversations.id.in_(old)).values(chat_id=to))


def _move(connection: Connection, table: Table, bot_id: int, chat_id: int, to: int) -> None:
    asked = table.c
    values = {
        "chat_id": to,
        "message_id": NO_MESSAGE,
        # Message 17 of the old group is not message 17 of the new one.
        "request_key": literal(f"p{chat_id}.") + asked.request_key,
        # Anonymous admins ask in the group's name.
        "user_id": case((asked.user_id == chat_id, to), else_=asked.user_id),
    }
    if table is tables.errands:
        values["shown"] = null()
    else:
        values["status_message_id"] = None
    values |= {"status_sending_since": None, "status_after": None}
    if table is tables.jobs:
        values["delivered_message_id"] = None
        # The parts of a batch bear its number, which no message has.
        values["request_key"] = case((asked.batch_id.is_(None), values["request_key"]), else_=asked.request_key)
    theirs = in_order(table, asked.bot_id == bot_id, asked.chat_id == chat_id)
    connection.execute(update(table).where(asked.id.in_(theirs)).values(values))
