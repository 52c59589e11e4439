"""The thread in which a process takes tickets; where it ends unasked, the process ends as well."""

import logging
import threading
from collections.abc import Callable

from services.supervision import end_process

log = logging.getLogger(__name__)


class TakingThread:
    """Runs a function that takes tickets until it is told to stop."""

    def __init__(
        self, take: Callable[[], None], is_stopping: Callable[[], bool], *, worker: str, name: str = "tickets"
    ) -> None:
        self._take = take
        self._is_stopping = is_stopping
        self._worker = worker
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.died = False

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to take tickets."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for its end, at most so many seconds."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._take()
        except Exception:
            # Top-level handler of a thread; what follows is below.
            log.exception("taking tickets failed")
        finally:
            if not self._is_stopping():
                # Nobody asked for the end: a process without this thread would look alive and do nothing.
                self.died = True
                end_process("tickets are no longer taken, ending the process", worker=self._worker)
