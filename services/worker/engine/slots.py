"""The slots of one worker, shared out among the flows of work."""

import threading
from collections.abc import Iterable, Mapping

from shared.errands import Errand
from shared.jobs import Job
from shared.queue_policy import Flow


class Slots:
    """How many slots each flow has left. Thread-safe: who may claim has taken them before the claim."""

    def __init__(self, limits: Mapping[Flow, int]) -> None:
        self._left = {flow: threading.Semaphore(limit) for flow, limit in limits.items()}

    def take(self) -> frozenset[Flow]:
        """Take a slot of each flow that has one left; returns which."""
        return frozenset(flow for flow, left in self._left.items() if left.acquire(blocking=False))

    def give_back(self, flows: Iterable[Flow]) -> None:
        """Give back a slot of each of these flows."""
        for flow in flows:
            self._left[flow].release()


def needed_by(work: Job | Errand | None) -> frozenset[Flow]:
    """The flows whose slots a piece of work has: a batch's picture is one of all pictures, too."""
    match work:
        case Errand():
            return frozenset({Flow.QUESTIONS})
        case Job():
            return frozenset({Flow.PICTURES} if work.batch_id is None else {Flow.PICTURES, Flow.BATCHES})
        case None:
            return frozenset()
