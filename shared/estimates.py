"""How long one waits for a picture, from what was measured of late. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast pictures are being made.

    Attributes:
        picture_s: Seconds from a picture's first turn to its record, the services' own lines included.
        slot_s: Seconds for which it holds a worker's slot.
        slots: Of all workers that are alive, those that pictures may have.
        batch_slots: Those of them that batches may have.
        busy: Slots at work on pictures.
    """

    picture_s: float
    slot_s: float
    slots: int
    batch_slots: int
    busy: int

    def seconds(self, place: float) -> float:
        """Until the picture at this place in the line, counted from 1, is there."""
        behind = max(place - max(self.slots - self.busy, 0), 0)
        return self.picture_s + behind * self.slot_s / self.slots

    def batch_seconds(self, pictures: int, before: float, *, at_a_time: int) -> float:
        """Until the last picture of a batch is there.

        Args:
            before: Others' pictures that have their turns meanwhile (``turns_of_others``).
            at_a_time: The most of one person's pictures that are in flight.
        """
        by_slots = (pictures + before) * self.slot_s / self.batch_slots
        by_cap = pictures * self.picture_s / at_a_time
        return max(by_slots, by_cap, self.picture_s)


def turns_of_others(pictures: int, cost: float, others: Iterable[tuple[int, float]]) -> float:
    """How many turns others have in a fair line, until somebody's last picture has had its own.

    Args:
        pictures: Those of the one who waits.
        cost: By how much each pushes them back (``QueuePolicy.cost``).
        others: Of each of the others how many pictures wait, and what one costs.
    """
    return sum(min(waiting, pictures * cost / its_cost) for waiting, its_cost in others)
