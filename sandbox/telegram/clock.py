"""Telegram's clock, which tests can move forward."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Seconds since 1970; ``advance`` also wakes those who sleep by this clock. It may stand still in between."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._stopped_at: float | None = None
        self._moved = asyncio.Event()

    def time(self) -> float:
        return (time.time() if self._stopped_at is None else self._stopped_at) + self._ahead_s

    def date(self) -> int:
        """The time as Telegram writes it: whole seconds."""
        return int(self.time())

    def stop(self) -> None:
        """Stand still from now on, but for ``advance``: what is tested then takes no time, however slow the machine."""
        self._stopped_at = time.time() if self._stopped_at is None else self._stopped_at

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep until this clock, not the wall's, has gone on by so much."""
        end = self.time() + seconds
        while (left := end - self.time()) > 0:
            moved = self._moved
            try:
                async with asyncio.timeout(left):
                    await moved.wait()
            except TimeoutError:
                pass
