"""What happens at a ticket: whoever holds one takes the turn that is fairest now."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from celery import Celery

from services.worker.engine import retry
from services.worker.engine.errands import ErrandTaker, log_loss
from services.worker.jobs.picture import Pipeline
from shared.errors import ImagineError, PermanentError, StillPainting, StoreAway
from shared.jobs import Attempt, Job
from shared.queue import TASK, Tickets
from shared.shares import slots_for_batches
from shared.store.jobs import Jobs, LostTurn
from shared.store.turns import Turns

log = logging.getLogger(__name__)


class TurnTaker:
    """Serves turns in the name of one worker process."""

    def __init__(
        self,
        worker: str,
        turns: Turns,
        jobs: Jobs,
        pipeline: Pipeline,
        tickets: Tickets,
        *,
        errands: ErrandTaker | None = None,
        slots: int = 8,
    ) -> None:
        """Serve as ``worker``, a name that no other process has, with so many turns at a time."""
        self.worker = worker
        self._turns = turns
        self._jobs = jobs
        self._pipeline = pipeline
        self._tickets = tickets
        self._errands = errands
        self._in_hand: set[int] = set()
        self._batches = _Allowance(slots_for_batches(slots))
        self._stopping = threading.Event()

    def take_a_turn(self) -> None:
        """Run the errands that wait, which are small, then turn the fairest queued ideas into recorded images.

        Whoever frees a slot knows best that it is free: a ticket that got lost leaves none idle. Safe to call at any
        time: without work it does nothing.
        """
        while not self._stopping.is_set() and self._take_one():
            continue

    def stop(self) -> None:
        """Take no more turns; those under way go on to their ends."""
        self._stopping.set()

    def _take_one(self) -> bool:
        """Serve one turn; False without work."""
        try:
            if self._errands is not None and self._errands.run_next(self.worker):
                return True
        except StoreAway as error:
            log.warning("no turn taken", extra={"error": str(error)})
            return False
        with self._batches.claiming() as claim:
            try:
                job = self._turns.claim_next(self.worker, alone=claim.alone)
            except StoreAway as error:
                log.warning("no turn taken", extra={"error": str(error)})
                return False
            if job is None:
                return False
            claim.keep = job.batch_id is not None
            self._in_hand.add(job.id)
        try:
            self._serve(job)
        finally:
            self._in_hand.discard(job.id)
            if job.batch_id is not None:
                self._batches.give_back()
        return True

    def in_hand(self) -> frozenset[int]:
        """Ids of the jobs that are being served at this moment."""
        return frozenset(self._in_hand.copy())

    def _serve(self, job: Job) -> None:
        attempts: list[Attempt] = []
        try:
            self._pipeline.run(job, attempts)
        except LostTurn:
            log_loss(job.deadline, {"job_id": job.id})
        except ImagineError as error:
            self._settle(job, error, attempts)
        except Exception:
            # The worker's outer door: a bug of ours must not leave a user waiting.
            log.exception("job failed unexpectedly", extra={"job_id": job.id})
            self._settle(job, PermanentError("a bug"), attempts)
        else:
            log.info("picture recorded", extra={"job_id": job.id, "claims": job.claims})

    def _settle(self, job: Job, error: ImagineError, attempts: list[Attempt]) -> None:
        """Write down what follows a failure; if even that fails, the lease runs out and the sweep does it."""
        try:
            # A step that was done meanwhile has set the count of failures back: the row knows.
            now = self._jobs.read(job.id) or job
            self._decide(job, now.failures, error, attempts)
        except LostTurn:
            log_loss(job.deadline, {"job_id": job.id})
            self._give_back(job, error)
        except StoreAway as away:
            log.warning("failure not recorded", extra={"job_id": job.id, "error": str(away)})

    def _give_back(self, job: Job, error: ImagineError) -> None:
        """Have an order withdrawn that was made while its job was being cancelled."""
        try:
            if isinstance(error, StillPainting) and self._jobs.withdraw(job, error.handle):
                self._tickets.send()
        except StoreAway as away:
            log.warning("order not withdrawn", extra={"job_id": job.id, "error": str(away)})

    def _decide(self, job: Job, failures: int, error: ImagineError, attempts: list[Attempt]) -> None:
        left = (job.deadline - datetime.now(UTC)).total_seconds() if job.deadline else 0.0
        fields = {"job_id": job.id, "reason": error.reason, "failures": failures, "error": str(error)[:200]}
        match retry.after(error, failures=failures, seconds_left=left):
            case retry.Wait() as wait:
                self._jobs.wait(
                    job,
                    seconds=wait.seconds,
                    stage=wait.stage,
                    reason=error.reason,
                    failures=wait.failures,
                    estimate_s=wait.estimate_s,
                    handle=error.handle if isinstance(error, StillPainting) else None,
                    attempts=attempts,
                )
                self._tickets.send(after_s=wait.seconds)
                log.info("job waits", extra=fields | {"seconds": round(wait.seconds, 1)})
            case retry.GiveUp(reason):
                self._jobs.give_up(job, reason, attempts)
                level = logging.ERROR if isinstance(error, PermanentError) else logging.INFO
                log.log(level, "job given up", extra=fields)


class _Claim:
    """One claim as it goes: what it may take, and whether it took a batch's job."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.keep = False


class _Allowance:
    """The slots that batches may have. Thread-safe: who may take one has it from before the claim."""

    def __init__(self, slots: int) -> None:
        self._left = slots
        self._lock = threading.Lock()

    @contextmanager
    def claiming(self) -> Iterator[_Claim]:
        """Take a slot for the time of a claim, and keep it where the claim says so."""
        with self._lock:
            claim = _Claim(alone=self._left == 0)
            self._left -= not claim.alone
        try:
            yield claim
        finally:
            if not claim.alone and not claim.keep:
                self.give_back()

    def give_back(self) -> None:
        """A batch's job has ended, or none was claimed."""
        with self._lock:
            self._left += 1


def register(app: Celery, taker: TurnTaker) -> None:
    """Make ``taker`` answer this application's tickets."""

    # Celery's own retry stays out of it: the row counts failures, ``retry.after`` alone decides.
    # shared=False: the task belongs to this application, so every test can have one of its own.
    app.task(name=TASK, shared=False, ignore_result=True)(taker.take_a_turn)
