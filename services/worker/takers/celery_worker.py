"""Runs Celery's worker in a thread of this process. The only module that touches what is inside Celery."""

import logging
import time
from collections.abc import Callable

from celery.platforms import EX_OK
from celery.worker import WorkController
from celery.worker import state as celery_state
from celery.worker.consumer import consumer as celery_consumer

from services.health import Sign
from services.worker.takers.taking import TakingThread
from shared.celery_tickets import TASK, CeleryTickets

log = logging.getLogger(__name__)

ANSWERS_S = 30.0  # Celery's loop turns every 2 to 10 seconds


class BrokerIsAway(logging.Filter):
    """Drops the errors that Celery logs for each try to reach its broker.

    Work goes on meanwhile, and only the broker's return helps: it is a warning, which comes ever more rarely.
    """

    LOGGERS = (celery_consumer.__name__, "celery.worker.request")
    FORMATS = (
        celery_consumer.CONNECTION_ERROR,
        celery_consumer.CONNECTION_RETRY,
        "Frequent restarts detected",
        "Couldn't ack",  # a ticket that comes again is a turn without work
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a log record is about something else."""
        if not record.getMessage().startswith(tuple(one.partition("%")[0].rstrip() for one in self.FORMATS)):
            return True
        log.warning("broker not reached, trying again")
        return False


_BROKER_IS_AWAY = BrokerIsAway()  # one for the process: a logger takes the same filter once


class CeleryWorker:
    """Takes tickets in the name of one worker process, on a pool of threads."""

    def __init__(self, tickets: CeleryTickets, turn: Callable[[], None], sign: Sign, *, name: str, slots: int) -> None:
        """Connect to nothing yet; ``turn`` is called for each ticket, ``sign`` given whenever Celery's loop turns."""
        self._celery = tickets.app
        self._tickets = tickets
        # Celery's own retry stays out of it: the row counts failures, ``retry.after`` alone decides.
        # shared=False: the task belongs to this application, so every test can have one of its own.
        for logger in BrokerIsAway.LOGGERS:
            logging.getLogger(logger).addFilter(_BROKER_IS_AWAY)
        self._celery.task(name=TASK, shared=False, ignore_result=True)(turn)
        self._sign = sign
        self._name = name
        self._slots = slots
        self._controller: WorkController | None = None
        self._ask_at = 0.0
        self._thread = TakingThread(self._take_tickets, lambda: celery_state.should_stop is not None, worker=name)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive

    @property
    def died(self) -> bool:
        """Whether its thread ended unasked."""
        return self._thread.died

    def start(self) -> None:
        """Begin to take tickets."""
        celery_state.should_stop = None
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Take no more tickets, and wait at most so many seconds for the tasks under way."""
        celery_state.should_stop = EX_OK
        self._thread.join(timeout_s)

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
