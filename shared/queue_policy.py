"""What one person may have of the queue: the owner's weights and caps. Frozen values, read from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.budgets import Budgets
from shared.prices import Prices


class Flow(StrEnum):
    """What one person has in the fair order with turns of its own: work of one flow never waits for that of another."""

    QUESTIONS = "questions"  # what Gemini alone answers: chat and descriptions; and orders to be cancelled
    PICTURES = "pictures"  # asked for outside batches
    BATCHES = "batches"


# In turns. A question holds a slot for a call to Gemini, about a quarter of what a picture takes (docs/scaling.md); a
# batch's picture counts as four, so that a single picture is served before the thousandth of a batch.
COSTS = {Flow.QUESTIONS: 0.25, Flow.PICTURES: 1.0, Flow.BATCHES: 4.0}


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """The terms on which people share the queue.

    Attributes:
        in_flight: Pictures of one person that may be queued, worked at or waiting at a time; counted separately for
            batches. The others are held back.
        queued: Pictures that one person may have asked for, outside batches, that have not ended.
        queued_in_group: The same for all members of a group chat together.
        queued_in_batches: Pictures of one person's batches, started and not ended.
        questions_in_flight: Questions of one person that may be queued, worked at or waiting at a time.
        questions_queued: Questions that one person may have asked that have not ended.
        questions_queued_in_group: The same for all members of a group chat together.
        guest_pictures: Pictures, and as many questions, that a guest may ask for in private.
        weights: By person: how many turns they get where others get one; 1 for everybody else.
        budgets: What people may have on the owner's keys.
        prices: What that costs.
    """

    in_flight: int = 20
    queued: int = 200
    queued_in_group: int = 500
    queued_in_batches: int = 5_000
    questions_in_flight: int = 5
    questions_queued: int = 50
    questions_queued_in_group: int = 200
    guest_pictures: int = 5
    weights: Mapping[int, float] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    prices: Prices = field(default_factory=Prices)

    def cost(self, user_id: int, flow: Flow) -> float:
        """By how much a picture or a question pushes its person back in its flow, in turns."""
        return COSTS[flow] / self.weights.get(user_id, 1.0)


MOST_KEPT = 24  # slots that are kept free of pictures: a question takes seconds


def slots_of(slots: int) -> dict[Flow, int]:
    """How many of a worker's slots the work of each flow may have at a time; at least one.

    An eighth is kept free of questions, and a sixteenth, 24 at most, of pictures: neither can keep the other from
    beginning. Of the slots for pictures an eighth of all is kept free of batches. A worker with fewer than 16 slots has
    none to keep for questions alone; with one slot, everything has its turn there.
    """
    kept = max(slots // 8, 1)
    pictures = slots - min(slots // 16, MOST_KEPT)
    return {
        Flow.QUESTIONS: max(slots - kept, 1),
        Flow.PICTURES: pictures,
        Flow.BATCHES: max(pictures - kept, 1),
    }
