"""Runs Celery's worker in a thread of this process. The only module that touches what is inside Celery."""

import logging
import os
import signal
import threading
import time

from celery import Celery
from celery.platforms import EX_OK
from celery.worker import WorkController
from celery.worker import state as celery_state

from services.health import Sign
from shared.queue import Tickets

log = logging.getLogger(__name__)

ANSWERS_S = 30.0  # Celery's loop turns every 2 to 10 seconds


class CeleryWorker:
    """Takes tickets in the name of one worker process, on a pool of threads."""

    def __init__(self, celery: Celery, tickets: Tickets, sign: Sign, *, name: str, slots: int) -> None:
        """Connect to nothing yet; ``sign`` is given whenever Celery's loop turns."""
        self._celery = celery
        self._tickets = tickets
        self._sign = sign
        self._name = name
        self._slots = slots
        self._controller: WorkController | None = None
        self._ask_at = 0.0
        self._thread = threading.Thread(target=self._run, name="tickets", daemon=True)
        self.died = False

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to take tickets."""
        celery_state.should_stop = None
        self._thread.start()

    def stop(self, seconds: float, *, embedded: bool) -> None:
        """Take no more tickets, and wait at most so long for the tasks under way."""
        celery_state.should_stop = EX_OK
        if embedded:
            # With the broker inside this process, Celery looks whether to stop after each message, or two seconds
            # without one, and then waits for one message more.
            self._tickets.send(2)
        self._thread.join(seconds)

    def look(self) -> None:
        """See whether Celery's loop turns: a loop that does runs what is put into it, one without a broker waits."""
        consumer = getattr(self._controller, "consumer", None)
        asked = time.monotonic()
        if consumer is not None and asked >= self._ask_at:
            self._ask_at = asked + ANSWERS_S
            consumer.call_soon(self._turned)
        elif self._tickets.on_their_way() is None:
            self._sign.tried()  # The broker is away, which no restart of ours mends.

    def _turned(self) -> None:
        self._ask_at = 0.0
        self._sign.done()

    def _run(self) -> None:
        try:
            self._take_tickets()
        except Exception:
            # Top-level handler of a thread; what follows is below.
            log.exception("taking tickets failed")
        finally:
            if celery_state.should_stop is None:
                # Nobody asked for the end: a process without its consumer would look alive and do nothing.
                log.critical("tickets are no longer taken, ending the process", extra={"worker": self._name})
                self.died = True
                os.kill(os.getpid(), signal.SIGTERM)

    def _take_tickets(self) -> None:
        # The pool's threads look their application up as the process's default one.
        self._celery.set_default()
        self._controller = self._celery.WorkController(
            pool="threads",
            concurrency=self._slots,
            hostname=self._name,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._controller.start()
