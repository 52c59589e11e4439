"""Takes orders back at their providers, for pictures that nobody wants any more."""

import logging

from services.worker.engine.user_keys import ClientPool
from services.worker.painters.dispatcher import PaintDispatcher
from shared.errands import Errand
from shared.store.errands import Errands

log = logging.getLogger(__name__)

CALL_S = 15.0


class CancelOrderJob:
    """Runs the errands that withdraw orders."""

    def __init__(self, errands: Errands, dispatchers: ClientPool[PaintDispatcher]) -> None:
        self._errands = errands
        self._dispatchers = dispatchers

    def run(self, errand: Errand) -> None:
        """Ask the provider, with the token that the order was made with.

        Raises:
            ImagineError: It could not be asked; ``retry.after`` decides what follows.
        """
        with self._dispatchers.borrow(errand.sender.id) as borrowed:
            asked = borrowed.client.withdraw(errand.question["handle"], timeout_s=CALL_S)
        self._errands.finish(errand)
        log.info("order withdrawn", extra={"job_id": errand.question["job_id"], "provider_asked": asked})
