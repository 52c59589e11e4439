"""What one person may have of the queue: the owner's weights and caps. Frozen values, read from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BATCH_WEIGHT = 0.25  # of a batch's picture, beside one that was asked for alone


@dataclass(frozen=True, slots=True)
class Shares:
    """The terms on which people share the queue.

    Attributes:
        in_flight: Pictures of one person that may be queued, worked at or waiting at a time; counted separately for
            batches. The others are held back.
        queued: Pictures that one person may have asked for, outside batches, that have not ended.
        queued_in_group: The same for all members of a group chat together.
        queued_in_batches: Pictures of one person's batches, started and not ended.
        weights: By person: how many turns they get where others get one; 1 for whoever isn't named.
    """

    in_flight: int = 20
    queued: int = 200
    queued_in_group: int = 500
    queued_in_batches: int = 5_000
    weights: Mapping[int, float] = field(default_factory=dict)

    def cost(self, user_id: int, *, in_batch: bool) -> float:
        """By how much a picture pushes its person back, in turns."""
        weight = self.weights.get(user_id, 1.0)
        return 1 / (weight * BATCH_WEIGHT) if in_batch else 1 / weight


def slots_for_batches(slots: int) -> int:
    """How many of a worker's slots batches may have: an eighth is kept free for what is asked for alone."""
    return max(slots - max(slots // 8, 1), 1)
