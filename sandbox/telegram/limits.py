"""Flood control: how often a bot may send, when it is switched on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sandbox.telegram.clock import Clock
from sandbox.telegram.errors import too_many_requests


@dataclass(slots=True)
class Allowance:
    """A bucket that holds ``size`` messages and refills at ``per_s`` a second."""

    size: float
    per_s: float
    left: float
    at: float

    def refill(self, now: float) -> None:
        self.left = min(self.size, self.left + (now - self.at) * self.per_s)
        self.at = now

    def lacks_s(self, count: int) -> float:
        """How many seconds until so many messages fit; an album larger than the bucket needs a full one."""
        return max(0.0, min(count, self.size) - self.left) / self.per_s


OVERALL = (30.0, 30.0)  # messages at once, and a second
PRIVATE = (3.0, 1.0)
GROUP = (20.0, 20 / 60)


class FloodControl:
    """Strict: 30 messages a second overall, one a second to a person (three at once), 20 a minute to a group.

    Edits, drafts and chat actions count like messages. What Telegram really counts is not published; bots that edit
    while an answer grows report the same refusals as those that send.
    """

    def __init__(self, clock: Clock) -> None:
        self.strict = False
        self._clock = clock
        self._allowances: dict[tuple[int, int | None], Allowance] = {}

    def switch(self, *, strict: bool) -> None:
        self.strict = strict
        self._allowances.clear()

    def take(self, bot_id: int, chat_id: int, count: int = 1) -> None:
        """Count messages about to be sent; an album counts as its parts.

        Raises:
            ApiError: 429, too many; nothing was counted.
        """
        if not self.strict:
            return
        overall = self._allowance((bot_id, None), OVERALL)
        chat = self._allowance((bot_id, chat_id), PRIVATE if chat_id > 0 else GROUP)
        lacking_s = max(overall.lacks_s(count), chat.lacks_s(count))
        # A hair's breadth, so that waiting exactly as told is enough whatever the rounding.
        if lacking_s > 1e-6:
            raise too_many_requests(math.ceil(lacking_s))
        overall.left -= count
        chat.left -= count

    def _allowance(self, key: tuple[int, int | None], kind: tuple[float, float]) -> Allowance:
        now = self._clock.time()
        size, per_s = kind
        allowance = self._allowances.setdefault(key, Allowance(size, per_s, size, now))
        allowance.refill(now)
        return allowance
