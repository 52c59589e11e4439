"""The worker of an installation in one process: it is imported, built and started while the bot already answers.

A worker needs Gemini's SDK, whose data models alone take a tenth of a second.
"""

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.health import TAKES_TICKETS, Signs

if TYPE_CHECKING:
    from services.worker.app import Worker

PATIENCE_S = 2.0  # for the bot to poll; where Telegram can't be reached, what is in the queue is created all the same


class EmbeddedWorker:
    """One worker, started by a thread of its own. What keeps it from starting ends the process."""

    def __init__(self, make: Callable[[], "Worker"], signs: Signs) -> None:
        """Have ``make`` import and build it. Taking tickets is a duty of the process from now on."""
        self._make = make
        self._may_begin = threading.Event()
        self._ending = threading.Event()
        self._worker: Worker | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._begin, name="start worker", daemon=True)
        signs.of(TAKES_TICKETS)

    def start(self) -> None:
        """Start the thread, which waits until ``begin`` is called, or ``PATIENCE_S`` have passed."""
        self._thread.start()

    def begin(self) -> None:
        """Let the worker be imported, built and started."""
        self._may_begin.set()

    def look_after(self) -> None:
        """Start again those of its threads that have ended; to be called about every second, by the main thread."""
        if self._worker is not None:
            self._worker.look_after()
        elif self._failure is not None:
            signal.raise_signal(signal.SIGTERM)

    def wind_down(self) -> None:
        """Begin no work any more; what is under way goes on."""
        self._ending.set()
        if self._worker is not None:
            self._worker.wind_down()

    def end(self) -> "Worker | None":
        """Begin nothing any more; returns the worker, which is to be stopped, or None where it was not started.

        Raises:
            BaseException: What kept it from starting.
        """
        self._ending.set()
        self._may_begin.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._worker

    def _begin(self) -> None:
        self._may_begin.wait(PATIENCE_S)
        if self._ending.is_set():
            return
        try:
            worker = self._make()
            worker.start()
            self._worker = worker
            if self._ending.is_set():
                self.wind_down()
        except BaseException as error:  # noqa: BLE001 - ``look_after`` and ``end`` tell it in the main thread
            self._failure = error
