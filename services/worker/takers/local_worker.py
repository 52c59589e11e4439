"""Takes tickets that come from this process, and serves each in a slot of a thread pool."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from services.health import Sign
from services.worker.takers.taking import TakingThread
from shared.tickets import LocalTickets

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two signs of life without a ticket or a free slot


class LocalWorker:
    """Takes tickets in the name of one worker process; as ``CeleryWorker`` without a broker."""

    def __init__(
        self,
        tickets: LocalTickets,
        turn: Callable[[], None],
        sign: Sign,
        *,
        name: str,
        slots: int,
        thread: str = "tickets",
    ) -> None:
        """Start nothing yet; ``turn`` is called for each ticket, ``sign`` is given whenever the loop turns."""
        self._tickets = tickets
        self._turn = turn
        self._sign = sign
        self._name = name
        self._slots = slots
        self._free = threading.Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="slot")
        self._stopping = threading.Event()
        self._thread = TakingThread(self._take_tickets, self._stopping.is_set, worker=name, name=thread)
        self._ended = 0  # slots of which it is known that they serve nothing any more

    @property
    def is_alive(self) -> bool:
        """Whether it takes tickets, or a turn is still under way."""
        return self._thread.is_alive or self._ended < self._slots

    @property
    def died(self) -> bool:
        """Whether its thread ended unasked."""
        return self._thread.died

    def start(self) -> None:
        """Begin to take tickets."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Take no more tickets, and wait at most so many seconds for the turns under way."""
        ends_at = time.monotonic() + timeout_s
        self._stopping.set()
        self._tickets.close()
        self._thread.join(timeout_s)
        self._pool.shutdown(wait=False)
        while self._ended < self._slots and self._free.acquire(timeout=max(ends_at - time.monotonic(), 0)):
            self._ended += 1

    def look(self) -> None:
        """Nothing: the loop gives its sign itself."""

    def _take_tickets(self) -> None:
        while not self._stopping.is_set():
            self._sign.done()
            if not self._free.acquire(timeout=LOOK_S):
                continue
            if self._tickets.take(LOOK_S):
                self._pool.submit(self._serve)
            else:
                self._free.release()

    def _serve(self) -> None:
        try:
            self._turn()
        except Exception:
            # Top-level handler of a slot: the next ticket needs it.
            log.exception("turn failed unexpectedly")
        finally:
            self._free.release()
