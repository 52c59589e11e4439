"""Signs of life: when each duty of a process was last done, for ``g2d health`` and for the process's own watchdog.

A duty is done when it succeeded, and tried when it failed for a reason outside the process, such as a network that is
away. ``g2d health`` fails when a duty has not been *done* for two minutes. The watchdog ends the process when a duty
has not even been *tried* for ten: then something in the process hangs, and a restart helps.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

log = logging.getLogger(__name__)

MAX_SILENCE_S = 120.0
STUCK_S = 600.0
LOOK_S = 5.0
LAST_WORDS_S = 60.0  # for a process that hangs to stop in order
TAKES_TICKETS = "takes tickets"  # the duty of a worker, and of a process in which one is to start


class Sign:
    """The sign of one duty. Thread-safe: each attribute is written in one step."""

    def __init__(self) -> None:
        self.done_at = time.monotonic()  # a process that has just begun is given the time to do it once
        self.tries = 0

    def done(self) -> None:
        """Say that the duty was done."""
        self.done_at = time.monotonic()
        self.tries += 1

    def tried(self) -> None:
        """Say that the duty was tried, and failed for a reason outside this process."""
        self.tries += 1


class Signs:
    """The signs of all duties of one process, and the file in which ``g2d health`` finds them."""

    def __init__(self, path: Path | None = None) -> None:
        """Keep the signs in this file as well; None: in memory only."""
        self._path = path
        self._signs: dict[str, Sign] = {}

    def of(self, duty: str) -> Sign:
        """The sign of a duty; from the first call on it is one of this process's duties."""
        return self._signs.setdefault(duty, Sign())

    def add(self, duty: str, sign: Sign) -> None:
        """Make a duty with this sign one of this process's."""
        self._signs[duty] = sign

    def tries(self) -> dict[str, int]:
        """How often each duty was tried so far."""
        return {duty: sign.tries for duty, sign in self._signs.copy().items()}

    def ages(self) -> dict[str, float]:
        """Seconds since each duty was last done."""
        now = time.monotonic()
        return {duty: round(now - sign.done_at, 1) for duty, sign in self._signs.copy().items()}

    def write(self) -> None:
        """Write the file: JSON with the seconds since each duty was last done."""
        if self._path is None:
            return
        ages = self.ages()
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        # A file that can't be written gets old, and that is all the alarm there has to be.
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(ages), encoding="utf-8")
            draft.replace(self._path)


def complaints(path: Path) -> list[str]:
    """What is wrong with the process that writes this file, a line each; none while it is at work."""
    try:
        silence = time.time() - path.stat().st_mtime
        ages = json.loads(path.read_text(encoding="utf-8") or "{}")
    except (OSError, ValueError):
        ages = None
    if not isinstance(ages, dict):
        return [f"silent: {path} can't be read"]
    if silence >= MAX_SILENCE_S:
        return [f"silent: nothing was written to {path} for {silence:.0f} s"]
    return [f"{duty}: not for {age + silence:.0f} s" for duty, age in ages.items() if age + silence >= MAX_SILENCE_S]


def tell(path: Path) -> int:
    """Print whether the process that writes this file is at work; returns the exit status."""
    found = complaints(path)
    sys.stdout.write("\n".join(found or ["at work"]) + "\n")
    return 1 if found else 0


class Watchdog:
    """Writes the signs of a process to their file, and ends the process when one of its duties hangs."""

    def __init__(
        self,
        signs: Signs,
        *,
        stuck_s: float = STUCK_S,
        look_s: float = LOOK_S,
        last_words_s: float = LAST_WORDS_S,
        end: Callable[[], None] | None = None,
    ) -> None:
        """Call ``end`` once when a duty was not tried for ``stuck_s``; by default the process is told to stop.

        Args:
            look_s: Between two looks.
            last_words_s: Until the process is ended all the same.
        """
        self.look_s = look_s
        self._signs = signs
        self._looks = max(round(stuck_s / look_s), 1)
        self._end = end or partial(_end_this_process, last_words_s)
        self._seen: dict[str, tuple[int, int]] = {}
        self.reason: str | None = None

    def look(self) -> None:
        """Look once; to be called every ``look_s`` seconds."""
        self._signs.write()
        # Looks are counted, not seconds: after a time in which the whole process stood still, with its machine, each
        # duty has as many looks as ever to show that it goes on.
        for duty, tries in self._signs.tries().items():
            before, silent = self._seen.get(duty, (-1, 0))
            self._seen[duty] = tries, silent + 1 if tries == before else 0
        stuck = [duty for duty, (_, silent) in self._seen.items() if silent >= self._looks]
        if stuck and self.reason is None:
            self.reason = ", ".join(stuck)
            log.critical("a duty hangs, ending the process", extra={"duty": self.reason})
            self._end()


def _end_this_process(last_words_s: float) -> None:
    """Stop in order, or at once where that hangs as well."""
    timer = threading.Timer(last_words_s, os._exit, [1])
    timer.daemon = True
    timer.start()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":  # The check of a container, every few seconds: `g2d health` reads all settings for the path.
    sys.exit(tell(Path(sys.argv[1])))
