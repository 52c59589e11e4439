"""The rows of people, and of groups: what they chose."""

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, select, update

from shared.clock import present
from shared.jobs import Address, Sender
from shared.preferences import Preferences
from shared.store import tables
from shared.store.database import Database, insert_new
from shared.store.fair_queue import NOTHING_YET

_SETTINGS = select(tables.users.c.settings).where(tables.users.c.id == bindparam("whose"))


def whose(address: Address, sender: Sender) -> int:
    """Whose choices count where a message was sent: the person's own in private, the group's in a group."""
    return sender.id if address.private else address.chat_id


class People:
    """What people and groups chose, one transaction a method. A group's id is its chat's, and negative."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def preferences(self, person_id: int) -> Preferences:
        """What was chosen; somebody unknown chose nothing."""
        with self._database.reading() as connection:
            return Preferences.from_json(connection.scalar(_SETTINGS, {"whose": person_id}))

    def in_force(self, address: Address, sender: Sender) -> Preferences:
        """What counts for a message: the group's choices in a group, otherwise the person's own."""
        return self.preferences(whose(address, sender))

    def choose(self, person_id: int, language: str, /, **changes: object) -> Preferences:
        """Write down a choice, and leave the others as they are. Twice is once.

        Args:
            language: As Telegram tells it, for a new person.

        Raises:
            ValueError: It is no choice, or out of range.
        """
        return self._change(person_id, language, lambda chosen: chosen.but(**changes))

    def reset(self, person_id: int, language: str) -> Preferences:
        """Forget all choices but the language, without which the answer could not be read."""
        return self._change(person_id, language, lambda chosen: Preferences(language=chosen.language))

    def replace(self, person_id: int, name: str, *, gone: str, successor: str | None) -> bool:
        """Move a choice that can't be had any more to its successor.

        Returns:
            Whether this call did it: of several at once one does, and tells.
        """
        with self._database.writing() as connection:
            row = self._locked(connection, person_id)
            chosen = Preferences.from_json(row)
            if getattr(chosen, name) != gone:
                return False
            self._keep(connection, person_id, chosen.but(**{name: successor}))
            return True

    def _change(self, person_id: int, language: str, change: Callable[[Preferences], Preferences]) -> Preferences:
        with self._database.writing() as connection:
            before = Preferences.from_json(self._locked(connection, person_id, language, new=True))
            after = change(before)
            self._keep(connection, person_id, after)
            return after

    def _locked(self, connection: Connection, person_id: int, language: str = "en", *, new: bool = False) -> object:
        """Read the settings, and hold the row until the transaction ends."""
        if new:
            connection.execute(
                insert_new(self._database, tables.users)
                .values(
                    id=person_id,
                    language=language,
                    settings={},
                    last_turn=NOTHING_YET,
                    last_batch_turn=NOTHING_YET,
                    created_at=present(),
                )
                .on_conflict_do_nothing()
            )
        users = tables.users.c
        return connection.scalar(select(users.settings).where(users.id == person_id).with_for_update())

    @staticmethod
    def _keep(connection: Connection, person_id: int, chosen: Preferences) -> None:
        connection.execute(update(tables.users).where(tables.users.c.id == person_id).values(settings=chosen.to_json()))
