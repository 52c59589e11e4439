"""The worker processes that are alive, and how many slots each has."""

from datetime import timedelta

from sqlalchemy import delete, select

from shared.clock import present
from shared.store import tables
from shared.store.database import Database, insert_new, retrying

FORGOTTEN_AFTER = timedelta(hours=24)

_workers = tables.workers.c


class Workers:
    """The rows of workers, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retrying
    def beat(self, name: str, slots: int, *, lease: timedelta, lock_key: int | None = None) -> None:
        """Say that a worker is alive, and will be for as long as a lease.

        Args:
            lock_key: Of the lock that it holds (``shared/store/process_locks.py``); None: it holds none.
        """
        now = present()
        row = insert_new(self._database, tables.workers).values(
            name=name, slots=slots, alive_until=now + lease, lock_key=lock_key
        )
        news = {"alive_until": row.excluded.alive_until, "lock_key": row.excluded.lock_key}
        alive = row.on_conflict_do_update(index_elements=["name"], set_=news)
        long_gone = (
            select(_workers.name).where(_workers.alive_until < now - FORGOTTEN_AFTER).with_for_update(skip_locked=True)
        )
        with self._database.writing() as connection:
            connection.execute(delete(tables.workers).where(_workers.name.in_(long_gone)))
            connection.execute(alive)

    def gone(self, name: str | None) -> None:
        """Say that a worker stopped; None: all of them, when no other can be alive."""
        theirs = delete(tables.workers)
        with self._database.writing() as connection:
            connection.execute(theirs if name is None else theirs.where(_workers.name == name))
