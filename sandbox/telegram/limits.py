"""Flood control: how often a bot may send, when it is switched on."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class SlidingSecond:
    """Counts the messages of the last second, whenever that is; ``size`` fit."""

    size: int
    taken: deque[tuple[float, int]] = field(default_factory=deque)  # when, and how many

    def lacks_s(self, count: int, now: float) -> float:
        """How many seconds until so many messages fit; an album larger than the second needs an empty one."""
        while self.taken and self.taken[0][0] <= now - 1:
            self.taken.popleft()
        missing = sum(number for _, number in self.taken) + min(count, self.size) - self.size
        for at, number in self.taken:
            if missing <= 0:
                break
            missing -= number
            if missing <= 0:
                return at + 1 - now
        return 0.0


OVERALL = 30  # messages in any second
PRIVATE = (3.0, 1.0)
GROUP = (20.0, 20 / 60)


class FloodControl:
    """Strict: 30 messages in any second overall, one a second to a person (three at once), 20 a minute to a group.

    Edits, drafts and chat actions count like messages. What Telegram really counts is not published; bots that edit
    while an answer grows report the same refusals as those that send.
    """

    def __init__(self, clock: Clock) -> None:
        self.strict = False
        self._clock = clock
        self._allowances: dict[tuple[int, int], Allowance] = {}
        self._seconds: dict[int, SlidingSecond] = {}  # by bot

    def switch(self, *, strict: bool) -> None:
        self.strict = strict
        self._allowances.clear()
        self._seconds.clear()

    def take(self, bot_id: int, chat_id: int, count: int = 1) -> None:
        """Count messages about to be sent; an album counts as its parts.

        Raises:
            ApiError: 429, too many; nothing was counted.
        """
        if not self.strict:
            return
        now, second = self._clock.time(), self._seconds.setdefault(bot_id, SlidingSecond(OVERALL))
        chat = self._allowance((bot_id, chat_id), PRIVATE if chat_id > 0 else GROUP)
        lacking_s = max(second.lacks_s(count, now), chat.lacks_s(count))
        # A hair's breadth, so that waiting exactly as told is enough whatever the rounding.
        if lacking_s > 1e-6:
            raise too_many_requests(math.ceil(lacking_s))
        second.taken.append((now, count))
        chat.left -= count

    def _allowance(self, key: tuple[int, int], kind: tuple[float, float]) -> Allowance:
        now = self._clock.time()
        size, per_s = kind
        allowance = self._allowances.setdefault(key, Allowance(size, per_s, size, now))
        allowance.refill(now)
        return allowance
