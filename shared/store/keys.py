"""The rows of people's own keys, sealed."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, delete, or_, select, update

from shared.clock import present
from shared.store import tables
from shared.store.database import Database, insert_new

UNCHECKED, ACCEPTED, REFUSED = "unchecked", "accepted", "refused"
UNREADABLE = "unreadable"  # encrypted for a secret that the installation no longer has
CHECK_AGAIN = timedelta(seconds=30)  # times the number of tries
MAX_CHECKS = 6


@dataclass(frozen=True, slots=True)
class Key:
    """A person's own key for a service.

    Attributes:
        sealed: Empty once it was refused.
        message_id: The message, in private, that tells how it stands.
    """

    user_id: int
    service: str
    sealed: str
    last_four: str
    state: str
    message_id: int | None = None
    language: str = "en"


class Keys:
    """People's own keys, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: int) -> dict[str, Key]:
        """A person's keys by service."""
        with self._database.reading() as connection:
            rows = connection.execute(_KEYS_OF, {"whose": user_id})
            return {row.service: Key(*row) for row in rows}

    def put(
        self, user_id: int, service: str, *, sealed: str, last_four: str, bot_id: int, message_id: int, language: str
    ) -> None:
        """Keep a key in the place of an older one; it is unchecked. Twice is once."""
        told = {"bot_id": bot_id, "message_id": message_id, "language": language, "shown": UNCHECKED}
        fresh: dict[str, object] = {
            "sealed": sealed, "last_four": last_four, "state": UNCHECKED, "created_at": present(),
            "checked_at": None, "checks": 0, "not_before": None, **told,
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(
                insert_new(self._database, tables.keys)
                .values(user_id=user_id, service=service, **fresh)
                .on_conflict_do_update(index_elements=["user_id", "service"], set_=fresh)
            )

    def remove(self, user_id: int, service: str) -> bool:
        """Forget a key; tells whether there was one."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(tables.keys).where(_C.user_id == user_id, _C.service == service))
            return gone.rowcount == 1

    def claim_unchecked(self) -> Key | None:
        """Take a key to check; if nothing comes of it, it is taken again later, a bounded number of times."""
        now = present()
        # Workers look every second, and mostly there is none: then nothing is locked.
        with self._database.reading() as connection:
            if connection.execute(_TO_CHECK, {"present": now}).first() is None:
                return None
        with self._database.writing() as connection:
            row = connection.execute(_TO_CHECK.with_for_update(skip_locked=True), {"present": now}).first()
            if row is None:
                return None
            connection.execute(
                update(tables.keys)
                .where(_C.user_id == row.user_id, _C.service == row.service)
                .values(checks=row.checks + 1, not_before=now + CHECK_AGAIN * (row.checks + 1))
            )
            return Key(*row[:-1])

    def settle(self, key: Key, state: str) -> bool:
        """Write down what the service says of a key; a key that was replaced or removed meanwhile stays as it is.

        A refused one is worth nothing, and is not kept.
        """
        values: dict[str, object] = {"state": state, "checked_at": present()}
        if state == REFUSED:
            values["sealed"] = ""
        with self._database.writing() as connection:
            done = connection.execute(
                update(tables.keys)
                .where(_C.user_id == key.user_id, _C.service == key.service, _C.sealed == key.sealed)
                .values(**values)
            )
            return done.rowcount == 1

    def untold(self, bot_id: int) -> list[Key]:
        """Keys whose check has ended, while their message says something else."""
        with self._database.reading() as connection:
            return [Key(*row) for row in connection.execute(_UNTOLD, {"bot": bot_id})]

    def told(self, key: Key) -> None:
        """Note what the message says by now."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.keys)
                .where(_C.user_id == key.user_id, _C.service == key.service, _C.message_id == key.message_id)
                .values(shown=key.state)
            )

    def sealed(self) -> list[Key]:
        """All keys that are kept."""
        with self._database.reading() as connection:
            return [Key(*row) for row in connection.execute(_KEYS.where(_C.sealed != ""))]

    def replace_sealed(self, key: Key, sealed: str) -> None:
        """Keep the same key under another seal."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.keys)
                .where(_C.user_id == key.user_id, _C.service == key.service, _C.sealed == key.sealed)
                .values(sealed=sealed)
            )


_C = tables.keys.c
_KEYS = select(_C.user_id, _C.service, _C.sealed, _C.last_four, _C.state, _C.message_id, _C.language)
_TO_CHECK = (
    _KEYS.add_columns(_C.checks)
    .where(
        _C.state == UNCHECKED,
        _C.checks < MAX_CHECKS,
        or_(_C.not_before.is_(None), _C.not_before <= bindparam("present")),
    )
    .limit(1)
)
_UNTOLD = _KEYS.where(
    _C.bot_id == bindparam("bot"),
    _C.message_id.is_not(None),
    _C.shown != _C.state,
    _C.state.in_((ACCEPTED, REFUSED)),
).limit(100)
_KEYS_OF = _KEYS.where(_C.user_id == bindparam("whose"))
