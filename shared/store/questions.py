"""Open questions, one a private chat or a topic of it, so that the next message can be taken for the answer."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select

from shared.clock import present
from shared.questions import Asked, OpenQuestion, Place, Question
from shared.store import tables
from shared.store.database import Database, insert_new

_questions = tables.open_questions.c
OPEN = select(tables.open_questions).where(
    _questions.bot_id == bindparam("bot"), _questions.chat_id.in_(bindparam("chats", expanding=True))
)


class Questions:
    """The rows of open questions, one transaction a method."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id

    def ask(self, place: Place, question: Question) -> None:
        """Write a question down; it takes the place of the one before. To be called before the question is sent."""
        asked = {"kind": question.kind, "about": dict(question.about), "asked_at": present()}
        row = {"bot_id": self._bot_id, "chat_id": place.chat_id, "topic_id": place.topic_id, **asked}
        with self._database.writing() as connection:
            connection.execute(
                insert_new(self._database, tables.open_questions)
                .values(row)
                .on_conflict_do_update(index_elements=["bot_id", "chat_id", "topic_id"], set_=asked)
            )

    def withdraw(self, place: Place, question: Question) -> None:
        """Delete a question if it is the one that is open in this place."""
        found = [one for one in self.open_in([place.chat_id]) if one.place == place and one.question == question]
        with self._database.writing() as connection:
            close(connection, self._bot_id, found)

    def open_in(self, chat_ids: Collection[int]) -> list[OpenQuestion]:
        """The questions in these private chats, of whatever age."""
        if not chat_ids:
            return []
        with self._database.reading() as connection:
            return [
                OpenQuestion(Place(row.chat_id, row.topic_id), Question(Asked(row.kind), row.about), row.asked_at)
                for row in connection.execute(OPEN, {"bot": self._bot_id, "chats": list(chat_ids)})
            ]


def close(connection: Connection, bot_id: int, ended: Collection[OpenQuestion]) -> None:
    """Delete questions that were answered or have come to nothing; one that was asked since then stays."""
    questions = tables.open_questions.c
    for one in ended:
        connection.execute(
            delete(tables.open_questions).where(
                questions.bot_id == bot_id,
                questions.chat_id == one.place.chat_id,
                questions.topic_id == one.place.topic_id,
                questions.asked_at == one.asked_at,
            )
        )
