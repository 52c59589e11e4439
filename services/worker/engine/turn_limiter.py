"""How many turns begin at a time; turns that come back from a service go first."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4  # enough to keep a core and the database busy (docs/decisions/0033-few-turns-begin-at-a-time.md)
MOMENT_S = 1.0  # ten times what a turn takes to begin, of a thousand that want to


class TurnLimiter:
    """Limits how many turns begin together. Thread-safe.

    A turn that begins asks the database, and then waits for services, which costs nothing. Of hundreds that began
    together each would be late, and with them those whose pictures are there and only have to be recorded. A picture's
    turn that comes back from a service with what it went for takes a place, too, but waits for none. Who keeps a place
    for longer than a moment waits for something, and the place goes to the next; and who comes first in the line waits
    for a moment at most.
    """

    def __init__(self, at_once: int = AT_ONCE, *, moment_s: float = MOMENT_S) -> None:
        self._at_once = at_once
        self._moment_s = moment_s
        self._line = threading.Lock()
        self._changed = threading.Condition()
        self._begun_at: dict[int, float] = {}  # by thread, the oldest first

    @contextmanager
    def acquired(self) -> Iterator[None]:
        """Wait for a place, and keep it until ``release`` is called in this thread, or to the end."""
        with self._line, self._changed:
            self._wait_for_room()
            self._begun_at[threading.get_ident()] = time.monotonic()
        try:
            yield
        finally:
            self.release()

    def reacquire(self) -> None:
        """Take a place without waiting for one: this thread's turn comes back from a service, and is nearer its end."""
        with self._changed:
            self._begun_at.pop(threading.get_ident(), None)
            self._begun_at[threading.get_ident()] = time.monotonic()

    def release(self) -> None:
        """Give this thread's place back, if it has one: what follows is to wait for, or takes long."""
        with self._changed:
            if self._begun_at.pop(threading.get_ident(), None) is not None:
                self._changed.notify()

    def _wait_for_room(self) -> None:
        """Wait for a free place, for ``moment_s`` at most: turns that come back must not keep others out for longer."""
        until = time.monotonic() + self._moment_s
        while len(self._begun_at) >= self._at_once and (now := time.monotonic()) < until:
            oldest, since = next(iter(self._begun_at.items()))
            if since + self._moment_s <= now:
                del self._begun_at[oldest]
            else:
                self._changed.wait(min(since + self._moment_s, until) - now)
