"""Tickets say "there is work", without content: one ticket is one turn of a worker's slot.

A ticket may be lost or doubled without harm: the sweep of a worker sends what is missing, and a turn without work ends
at once. ``celery_tickets.py`` sends them over Redis, ``LocalTickets`` inside one process.
"""

import heapq
import threading
import time
from typing import Protocol


class Tickets(Protocol):
    """Sends tickets. A ticket that can't be sent is no error."""

    def send(self, count: int = 1, *, after_s: float | None = None) -> bool:
        """Say that there is work, now or in so many seconds; whether the queue has taken it."""

    def on_their_way(self) -> int | None:
        """How many tickets nobody has taken yet; None when the queue doesn't answer."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until all tickets have left, at most so many seconds; whether they have. Blocks."""


class LocalTickets:
    """Tickets between threads of one process: a count of those that are due, and the due times of the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due = 0
        self._later: list[float] = []  # a heap of times on the monotonic clock
        self._closed = False

    def send(self, count: int = 1, *, after_s: float | None = None) -> bool:
        """Say that there is work, now or in so many seconds."""
        with self._changed:
            if after_s is None:
                self._due += count
            else:
                for _ in range(count):
                    heapq.heappush(self._later, time.monotonic() + after_s)
            self._changed.notify()
        return True

    def on_their_way(self) -> int:
        """How many tickets nobody has taken yet."""
        with self._changed:
            return self._due + len(self._later)

    def take(self, timeout_s: float) -> bool:
        """Take a ticket that is due, or wait for one at most so many seconds; False without one. For one thread."""
        ends_at = time.monotonic() + timeout_s
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                while self._later and self._later[0] <= now:
                    heapq.heappop(self._later)
                    self._due += 1
                if self._due:
                    self._due -= 1
                    return True
                if now >= ends_at:
                    return False
                self._changed.wait(min([ends_at, *self._later[:1]]) - now)
            return False

    def close(self) -> None:
        """Give out no more tickets."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002
        """Whether all tickets have left: none waits here."""
        return True
