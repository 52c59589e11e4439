"""The present as all processes of an installation agree on it, whatever the clocks of their machines do.

A wall clock jumps, where somebody sets it or it was wrong when the machine started. Leases and deadlines would be over
at once, or what waits for a moment would wait an hour longer. So this clock goes on evenly. Where the record is in
Postgres, it goes by that server's clock, which every process sees. Elsewhere it begins with the wall clock, and comes
closer to it by a tenth of the time that passes.
"""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

SLEW = 0.1  # seconds a second: an hour is made up for in ten, and a wait is a tenth longer or shorter meanwhile
JUMP_S = 86_400.0  # so far behind, a machine has started without knowing the date: then the wall clock is right
MAX_ANSWER_S = 1.0  # a server that took longer to tell the time told it inexactly
# On Linux and macOS ``time.monotonic`` stands still while the machine sleeps, on Windows it goes on.
_WITH_SLEEP: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def elapsed() -> float:
    """Seconds that have passed since some moment, those included in which the machine slept."""
    return time.monotonic() if _WITH_SLEEP is None else time.clock_gettime(_WITH_SLEEP)


class Clock:
    """Tells the present; any number of threads may ask."""

    def __init__(self, *, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = elapsed) -> None:
        """Begin with the wall clock."""
        self._wall = wall
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._looked_at = elapsed()
        self._ahead = wall() - self._looked_at  # of the seconds that have passed
        self._goes_by_server = False

    def present(self) -> datetime:
        """Tell it, in UTC."""
        now = self._elapsed()
        if not self._goes_by_server:
            self._come_closer(now)
        return datetime.fromtimestamp(now + self._ahead, UTC)

    def go_by(self, told: float, *, asked_at: float) -> None:
        """Go by a server's clock from now on.

        Args:
            told: What it said a moment ago, in Unix seconds.
            asked_at: When it was asked, by ``elapsed``.
        """
        answer_s = self._elapsed() - asked_at
        if answer_s > MAX_ANSWER_S:
            return
        ahead = told - asked_at - answer_s / 2
        if not self._goes_by_server or abs(ahead - self._ahead) > answer_s:  # Less is nothing but inexact.
            self._ahead = ahead
        self._goes_by_server = True

    def _come_closer(self, now: float) -> None:
        with self._lock:
            at_most = SLEW * max(now - self._looked_at, 0.0)
            self._looked_at = now
            away = self._wall() - now - self._ahead
            self._ahead += away if abs(away) <= at_most or away > JUMP_S else math.copysign(at_most, away)


_clock = Clock()
present = _clock.present
go_by = _clock.go_by
