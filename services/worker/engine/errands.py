"""What happens at a ticket besides pictures: the errands that wait are run, oldest first."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from services.worker.engine import retry
from shared.errands import Errand, Kind
from shared.errors import ImagineError, OutOfTime, PermanentError, StoreAway
from shared.queue import Tickets
from shared.store.errand_turns import ErrandTurns
from shared.store.errands import Errands
from shared.store.jobs import LostTurn

log = logging.getLogger(__name__)


class Handler(Protocol):
    """Runs the errands of one kind."""

    def run(self, errand: Errand) -> None:
        """Do what was asked and record it with ``Errands.finish``; safe to repeat from the start.

        Raises:
            ImagineError: It failed; ``retry.after`` decides what follows.
            LostTurn: The errand belongs to another worker by now.
        """


class ErrandTaker:
    """Runs errands, each by the handler of its kind."""

    def __init__(
        self, turns: ErrandTurns, errands: Errands, handlers: Mapping[Kind, Handler], tickets: Tickets
    ) -> None:
        self._turns = turns
        self._errands = errands
        self._handlers = handlers
        self._tickets = tickets
        self._in_hand: set[int] = set()

    def run_next(self, worker: str) -> bool:
        """Run the oldest errand that may begin; False when there is none.

        Raises:
            StoreAway: No errand could be claimed: the database is away.
        """
        errand = self._turns.claim_next(worker)
        if errand is None:
            return False
        self._in_hand.add(errand.id)
        try:
            self._serve(errand)
        finally:
            self._in_hand.discard(errand.id)
        return True

    def in_hand(self) -> frozenset[int]:
        """Ids of the errands that are being run at this moment."""
        return frozenset(self._in_hand.copy())

    def _serve(self, errand: Errand) -> None:
        fields: dict[str, object] = {"errand_id": errand.id, "kind": errand.kind}
        try:
            if errand.stop_asked:
                self._stop(errand)
            else:
                self._handler(errand).run(errand)
        except LostTurn:
            log_loss(errand.deadline, fields)
        except ImagineError as error:
            self._settle(errand, error)
        except Exception:
            # The worker's outer door: a bug of ours must not leave a user waiting.
            log.exception("errand failed unexpectedly", extra=fields)
            self._settle(errand, PermanentError("a bug"))
        else:
            log.info("errand done", extra=fields | {"claims": errand.claims})

    def _handler(self, errand: Errand) -> Handler:
        handler = self._handlers.get(errand.kind)
        if handler is None:
            raise PermanentError(f"nobody runs errands of the kind {errand.kind}")
        return handler

    def _stop(self, errand: Errand) -> None:
        """End what the person stopped while no worker was at it: a worker that had begun it died."""
        if errand.answer:
            self._errands.finish(errand, answer=errand.answer, chat_model=errand.chat_model)
        else:
            self._errands.cancel(errand)

    def _settle(self, errand: Errand, error: ImagineError) -> None:
        """Write down what follows a failure; if even that fails, the lease runs out and the sweep does it."""
        fields: dict[str, object] = {
            "errand_id": errand.id,
            "kind": errand.kind,
            "reason": error.reason,
            "error": str(error)[:200],
        }
        left = (errand.deadline - datetime.now(UTC)).total_seconds() if errand.deadline else 0.0
        try:
            match retry.after(error, failures=errand.failures, seconds_left=left):
                case retry.Wait() as wait:
                    self._errands.wait(errand, seconds=wait.seconds, reason=error.reason, failures=wait.failures)
                    self._tickets.send(after_s=wait.seconds)
                    log.info("errand waits", extra=fields | {"seconds": round(wait.seconds, 1)})
                case retry.GiveUp(reason):
                    self._errands.give_up(errand, reason)
                    level = logging.ERROR if isinstance(error, PermanentError) else logging.INFO
                    log.log(level, "errand given up", extra=fields)
        except LostTurn:
            log_loss(errand.deadline, fields)
        except StoreAway as away:
            log.warning("failure not recorded", extra=fields | {"error": str(away)})


def log_loss(deadline: datetime | None, fields: dict[str, object]) -> None:
    """Log that a result came when its job or errand was no longer this worker's."""
    if deadline is not None and deadline <= datetime.now(UTC):
        log.warning("late result dropped", extra=fields)
    else:
        log.info("turn lost", extra=fields)


def seconds_left(errand: Errand, most: float) -> float:
    """Until the errand's deadline, at most so many.

    Raises:
        OutOfTime: It has passed.
    """
    if errand.deadline is None:
        return most
    left = (errand.deadline - datetime.now(UTC)).total_seconds()
    if left <= 0:
        raise OutOfTime
    return min(left, most)
