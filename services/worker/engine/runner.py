"""Runs work of all kinds: claims what is fairest now, has it done, and writes down what followed."""

import logging
import threading
from typing import TypeVar

from services.logs import about
from services.metrics.meters import meters
from services.worker.engine import retry
from services.worker.engine.records import Record
from services.worker.engine.slots import Slots, needed_by
from services.worker.engine.turn_limiter import TurnLimiter
from shared.clock import present
from shared.errands import Errand
from shared.errors import ImagineError, PermanentError, StoreAway
from shared.jobs import Attempt, Job
from shared.queue_policy import slots_of
from shared.store.jobs import LostTurn
from shared.store.turns import Turns
from shared.tickets import Tickets

log = logging.getLogger(__name__)

W = TypeVar("W", Job, Errand)
Fields = dict[str, object]


class Runner:
    """Serves turns in the name of one worker process."""

    def __init__(
        self,
        worker: str,
        turns: Turns,
        tickets: Tickets,
        *,
        pictures: Record[Job],
        questions: Record[Errand],
        slots: int = 8,
        turn_limiter: TurnLimiter | None = None,
    ) -> None:
        """Serve as ``worker``, a name that no other process has, with so many turns at a time."""
        self.worker = worker
        self._turns = turns
        self._tickets = tickets
        self._pictures = pictures
        self._questions = questions
        self._slots = Slots(slots_of(slots))
        self._turn_limiter = turn_limiter or TurnLimiter()
        self._lock = threading.Lock()
        self._jobs_in_hand: set[int] = set()
        self._errands_in_hand: set[int] = set()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve one turn. Where more work is due, send a ticket for it: so a lost ticket leaves no slot idle.

        If the queue takes no ticket, this slot serves the next turn itself. Safe to call at any time: without work it
        does nothing.
        """
        while not self._stopping.is_set() and self._run_one() and self._is_more_due() and not self._tickets.send():
            continue

    def stop(self) -> None:
        """Take no more turns; those under way go on to their ends."""
        self._stopping.set()

    def renew(self, turns: Turns) -> None:
        """Keep what is being served this worker's own, over connections that no slot uses."""
        with self._lock:
            jobs, errands = self._jobs_in_hand.copy(), self._errands_in_hand.copy()
        turns.renew(self.worker, jobs=jobs, errands=errands)

    def _run_one(self) -> bool:
        """Serve one turn; False without work, or where no more is to be taken."""
        with self._turn_limiter.acquired():
            return not self._stopping.is_set() and self._claim_and_serve()

    def _claim_and_serve(self) -> bool:
        free = self._slots.take()
        work: Job | Errand | None = None
        try:
            work = self._turns.claim_next(self.worker, flows=free)
        except StoreAway as error:
            log.warning("no turn taken", extra={"error": str(error)})
        finally:
            self._slots.give_back(free - needed_by(work))
        try:
            match work:
                case Job():
                    self._hold(self._jobs_in_hand, work, self._pictures)
                case Errand():
                    self._turn_limiter.release()  # Some are long work of their own.
                    self._hold(self._errands_in_hand, work, self._questions)
        finally:
            self._slots.give_back(needed_by(work))
        return work is not None

    def _is_more_due(self) -> bool:
        try:
            return self._turns.is_any_due()
        except StoreAway:
            return False  # The sweep sends the ticket.

    def _hold(self, in_hand: set[int], work: W, record: Record[W]) -> None:
        with self._lock:
            in_hand.add(work.id)
        kind = _kind(work)
        if work.claims == 1:
            meters().began(kind, work.created_at)
        meters().busy(kind, 1)
        try:
            with about(**_fields(work)):
                self._serve(work, record)
        finally:
            meters().busy(kind, -1)
            with self._lock:
                in_hand.discard(work.id)

    def _serve(self, work: W, record: Record[W]) -> None:
        attempts: list[Attempt] = []
        try:
            record.run(work, attempts)
        except LostTurn:
            _log_loss(work)
        except ImagineError as error:
            self._settle(work, record, error, attempts)
        except Exception:
            # Top-level handler: a bug of ours must not leave a user waiting.
            log.exception("work failed unexpectedly", extra=_fields(work))
            self._settle(work, record, PermanentError("a bug"), attempts)
        else:
            meters().ended(_kind(work), "finished", created_at=work.created_at)
            log.info("work done", extra=_fields(work) | {"claims": work.claims})

    def _settle(self, work: W, record: Record[W], error: ImagineError, attempts: list[Attempt]) -> None:
        """Write down what follows a failure; if even that fails, the lease runs out and the sweep does it."""
        self._turn_limiter.release()
        try:
            try:
                self._decide(work, record, error, attempts)
            except LostTurn:
                _log_loss(work)
                record.drop(work, error)
        except StoreAway as away:
            log.warning("failure not recorded", extra=_fields(work) | {"error": str(away)})

    def _decide(self, work: W, record: Record[W], error: ImagineError, attempts: list[Attempt]) -> None:
        failures = record.failures(work)
        left = (work.deadline - present()).total_seconds() if work.deadline else 0.0
        fields = _fields(work) | {"reason": error.reason, "failures": failures, "error": str(error)[:200]}
        match retry.after(error, failures=failures, seconds_left=left):
            case retry.Wait() as wait:
                record.wait(work, wait, error, attempts)
                meters().waits(_kind(work), error.reason)
                self._tickets.send(after_s=wait.seconds)
                log.info("work waits", extra=fields | {"seconds": round(wait.seconds, 1)})
            case retry.GiveUp(reason):
                record.give_up(work, reason, attempts)
                meters().ended(_kind(work), "failed", reason, created_at=work.created_at)
                level = logging.ERROR if isinstance(error, PermanentError) else logging.INFO
                log.log(level, "work given up", extra=fields)


def _kind(work: Job | Errand) -> str:
    return str(work.kind) if isinstance(work, Errand) else "picture"


def _fields(work: Job | Errand) -> Fields:
    if isinstance(work, Errand):
        return {"errand_id": work.id, "kind": work.kind}
    return {"job_id": work.id}


def _log_loss(work: Job | Errand) -> None:
    """Log that a result came when the work was no longer this worker's."""
    if work.deadline is not None and work.deadline <= present():
        log.warning("late result dropped", extra=_fields(work))
    else:
        log.info("turn lost", extra=_fields(work))
