"""Pauses between tries, and log lines when an outage begins, changes and ends, not at every try."""

import logging
import random
import time
from collections.abc import Callable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
JITTER = 0.3  # of a pause, added at random, so that many processes do not ask at the same moment
FIRST_REMINDER_S = 5.0
LONGEST_REMINDER_S = 300.0


def pause_s(failures: int, *, first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> float:
    """Seconds to wait after so many failures in a row (from 1 on): doubled each time, up to ``longest_s``. Pure."""
    return min(first_s * 2.0 ** min(max(failures - 1, 0), 16), longest_s)


def jittered(seconds: float) -> float:
    """The pause, or up to ``JITTER`` longer; never shorter, because a server may have named it."""
    return seconds * random.uniform(1.0, 1.0 + JITTER)


class Outage:
    """The failures in a row of one thing that is tried again and again.

    Attributes:
        failures: How many there were since the last success.
    """

    def __init__(self, log: logging.Logger, over: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Log with ``log``; ``over`` is the event that says that the outage has ended."""
        self._log = log
        self._over = over
        self._clock = clock
        self.failures = 0
        self._kind: object = None
        self._since = 0.0
        self._kind_since = 0.0
        self._said: object = None
        self._said_at = 0.0
        self._remind_in_s = FIRST_REMINDER_S

    def failed(self, kind: object) -> float:
        """Count a failure; returns for how many seconds failures of this same kind, and no others, have been met."""
        now = self._clock()
        if not self.failures:
            self._since = now
        if not self.failures or kind != self._kind:
            self._kind, self._kind_since = kind, now
        self.failures += 1
        return now - self._kind_since

    def say(self, level: int, event: str, **fields: object) -> None:
        """Log the state of the outage when it changes; the same again after 5 s, 10 s, 20 s … up to 5 minutes."""
        now = self._clock()
        said = level, event, sorted((name, str(value)) for name, value in fields.items())
        if said != self._said:
            self._remind_in_s = FIRST_REMINDER_S
        elif now - self._said_at < self._remind_in_s:
            return
        else:
            self._remind_in_s = min(2 * self._remind_in_s, LONGEST_REMINDER_S)
        self._said, self._said_at = said, now
        self._log.log(level, event, extra=fields | {"failures": self.failures})

    def succeeded(self) -> None:
        """Take note of a success, and log that the outage is over if there was one."""
        if self.failures:
            seconds = round(self._clock() - self._since, 1)
            self._log.info(self._over, extra={"failures": self.failures, "seconds": seconds})
        self.failures = 0
        self._said = None
