"""A session of Postgres that holds a process's lock. Apart, for its driver is not imported where SQLite is used."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from shared.errors import StoreAway
from shared.store.locks import AdvisoryLock

CONNECT_S = 3
TCP_TIMEOUT_MS = 5_000
OPTIONS = "-c statement_timeout=5000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"


class LockSession:
    """One connection, outside every pool."""

    def __init__(self, conninfo: str) -> None:
        """Connect.

        Raises:
            StoreAway: Postgres does not answer; so do all methods.
        """
        with _translated():
            self._connection = psycopg.connect(
                conninfo,
                autocommit=True,
                connect_timeout=CONNECT_S,
                keepalives_idle=5,
                tcp_user_timeout=TCP_TIMEOUT_MS,
                options=OPTIONS,
            )

    @property
    def pid(self) -> int:
        """The number of the server's process, as it was told when the connection was made."""
        return self._connection.info.backend_pid

    def is_our_own(self) -> bool:
        """Whether the session is the one that greeted us: a pooler greets with a number of its own."""
        with _translated():
            return self._connection.execute("SELECT pg_backend_pid()").fetchone() == (self.pid,)

    def take(self, key: int) -> bool:
        """Take the lock of this number; False where another session has it."""
        with _translated():
            taken = self._connection.execute(
                "SELECT pg_try_advisory_lock(%s::int, %s::int)", (int(AdvisoryLock.PROCESS), key)
            ).fetchone()
        return taken == (True,)

    def close(self) -> None:
        """Close the connection, which frees the lock."""
        self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreAway(f"the session of the lock does not answer: {type(error).__name__}") from error
