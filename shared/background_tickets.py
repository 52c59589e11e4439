"""Tickets (``tickets.py``) that are sent by threads of their own."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from shared.tickets import Tickets

log = logging.getLogger(__name__)

SENDERS = 2  # threads: one that waits for a dead connection leaves the other
MAX_LATER = 1_000  # tickets for later that wait to be sent; what is beyond is left to the sweeper


class BackgroundTickets:
    """Sends tickets from threads of its own: ``send`` never waits for the broker, however long it is silent.

    What waits to be sent is added up, so a broker that comes back gets one batch. The threads end with the process.
    """

    def __init__(self, make: Callable[[], Tickets]) -> None:
        """Send with what ``make`` makes. It is called once, when that is needed first: Celery takes long to import."""
        self._make = make
        self._making = threading.Lock()
        self._made: Tickets | None = None
        self._changed = threading.Condition()
        self._now = 0  # tickets that wait to be sent
        self._later: deque[float] = deque(maxlen=MAX_LATER)  # one for each delay in seconds
        self._sending = 0  # threads that are at it
        self._senders: list[threading.Thread] = []

    def prepare(self) -> None:
        """Start the threads, so that the first ticket finds everything made."""
        with self._changed:
            self._start_senders()

    def send(self, count: int = 1, *, after_s: float | None = None) -> bool:
        """Say that there is work, now or in so many seconds. Returns True at once; the ticket follows."""
        with self._changed:
            if after_s is None:
                self._now += count
            else:
                self._later.extend([after_s] * count)
            self._start_senders()
            self._changed.notify()
        return True

    def on_their_way(self) -> int | None:
        """How many tickets nobody has taken yet; None when the broker doesn't answer."""
        return self._tickets().on_their_way()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all tickets have left, at most so many seconds; whether they have. Blocks."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._now or self._later or self._sending), timeout_s)

    def _tickets(self) -> Tickets:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _start_senders(self) -> None:
        self._senders = [sender for sender in self._senders if sender.is_alive()]
        while len(self._senders) < SENDERS:
            self._senders.append(threading.Thread(target=self._keep_sending, name="ticket sender", daemon=True))
            self._senders[-1].start()

    def _keep_sending(self) -> None:
        tickets = self._tickets()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._now or self._later)
                count, self._now = self._now, 0
                after_s = self._later.popleft() if self._later else None
                self._sending += 1
            try:
                if count:
                    tickets.send(count)
                if after_s is not None:
                    tickets.send(after_s=after_s)
            except Exception:
                # Top-level handler of the thread: without it nobody would send tickets any more.
                log.exception("ticket not sent")
            finally:
                with self._changed:
                    self._sending -= 1
                    self._changed.notify_all()
