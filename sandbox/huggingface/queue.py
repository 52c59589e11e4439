"""Pictures in a provider's queue: unfinished for some polls and for the latency, then done."""

import time
import uuid
from dataclasses import dataclass, field

from sandbox.huggingface.studio import Order


@dataclass
class Ticket:
    """One queued picture; ``polls_left`` more polls will find it unfinished."""

    order: Order
    path: str  # of its status, below the provider's host
    polls_left: int
    ready_at: float  # monotonic seconds
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_cancelled: bool = False

    @property
    def is_done(self) -> bool:
        return self.polls_left <= 0 and time.monotonic() >= self.ready_at

    def poll(self) -> bool:
        """Count one poll and tell whether the picture was ready for it."""
        was_done = self.is_done
        self.polls_left -= 1
        return was_done


class Queue:
    """The queue of one provider; it keeps the finished ones, too."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def add(self, order: Order, *, polls: int, latency_s: float, path: str = "") -> Ticket:
        ticket = Ticket(order, path, polls, time.monotonic() + latency_s)
        self._tickets[ticket.id] = ticket
        return ticket

    def get(self, ticket_id: str) -> Ticket | None:
        return self._tickets.get(ticket_id)
