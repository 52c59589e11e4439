"""What Telegram told the bot to leave alone for a while, written down so that a restart does not forget it."""

from datetime import timedelta

from sqlalchemy import delete, select

from shared.clock import present
from shared.store import tables
from shared.store.database import Database, insert_new

MAX_KEY_LENGTH = 255  # characters


class FloodWaits:
    """The rows of flood waits of one bot, one transaction a method."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id

    def close(self, key: str, seconds: float) -> None:
        """Note that something is to be left alone for so many seconds from now on. The last word holds."""
        until = present() + timedelta(seconds=seconds)
        new = insert_new(self._database, tables.flood_waits).values(
            bot_id=self._bot_id, key=key[:MAX_KEY_LENGTH], until=until
        )
        with self._database.writing() as connection:
            connection.execute(
                new.on_conflict_do_update(index_elements=["bot_id", "key"], set_={"until": new.excluded.until})
            )

    def closed(self) -> dict[str, float]:
        """How many seconds each thing is still to be left alone; forgets those that are over."""
        waits, now = tables.flood_waits.c, present()
        with self._database.writing() as connection:
            connection.execute(delete(tables.flood_waits).where(waits.bot_id == self._bot_id, waits.until <= now))
            rows = connection.execute(select(waits.key, waits.until).where(waits.bot_id == self._bot_id)).all()
        return {row.key: (row.until - now).total_seconds() for row in rows}
