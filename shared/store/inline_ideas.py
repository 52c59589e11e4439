"""Ideas that somebody typed after the bot's name, and that no picture of theirs shows yet: a link leads to each."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import select

from shared.clock import present
from shared.store import tables
from shared.store.database import AnyInsert, Database, InsertInto, built_once, retrying

KEPT_FOR = timedelta(days=1)
_ideas = tables.inline_ideas.c


@built_once
def _keeping(insert: InsertInto) -> AnyInsert:
    new = insert(tables.inline_ideas)
    keys = ["bot_id", "user_id", "code"]
    return new.on_conflict_do_update(index_elements=keys, set_={"at": new.excluded.at})


class InlineIdeas:
    """The rows of such ideas, one transaction a method."""

    def __init__(self, database: Database, bot_id: int) -> None:
        """Keep what this bot is asked."""
        self._database = database
        self._bot_id = bot_id

    @retrying
    def keep(self, user_id: int, idea: str) -> str:
        """Keep an idea for a day; returns its code, 16 letters and digits."""
        code, now = sha256(idea.encode()).hexdigest()[:16], present()
        row = {"bot_id": self._bot_id, "user_id": user_id, "code": code, "idea": idea, "at": now}
        with self._database.writing() as connection:
            connection.execute(_keeping(self._database), row)
        return code

    def read(self, user_id: int, code: str) -> str | None:
        """The idea with this code, for whoever typed it alone."""
        one = (_ideas.bot_id == self._bot_id, _ideas.user_id == user_id, _ideas.code == code)
        with self._database.reading() as connection:
            return connection.scalar(select(_ideas.idea).where(*one))
