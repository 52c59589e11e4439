"""Signs of life: each round of a service's real work touches a file, and ``g2d health`` looks how old that is."""

import contextlib
import time
from pathlib import Path

MAX_SILENCE_S = 120.0  # a round of the bot takes a minute when Telegram is away, one of the worker ten seconds


class Heartbeat:
    """Touches a file; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def beat(self) -> None:
        """Say that a round was made."""
        if self._path is not None:
            # A file that can't be touched gets old, and that is all the alarm there has to be.
            with contextlib.suppress(OSError):
                self._path.touch()


def is_alive(path: Path) -> bool:
    """Whether the service that touches this file did so lately."""
    try:
        return time.time() - path.stat().st_mtime < MAX_SILENCE_S
    except OSError:
        return False
