"""Runs ``g2d`` with an eye on its slots: what does each turn's thread do, look by look?

    .venv/bin/python -m benchmarks.busy_slots LOOKS.jsonl worker

A slot is busy while its thread serves a job. At each look its stack tells what it is at: a call to a service (``http``;
who wants what another thread is just asking the Hub shares that call), the ``database``, the ``line`` for one of the
connections to it or for SQLite's one writer, the ``pictures`` that are kept, or ``work`` of its own. ``waiting`` is
what may never be: the thread lets time pass, asleep or until it is woken, as it would for a pause between tries, a
provider's queue, a cold start or another picture's prompt. The one such pause that the worker knows, while its own
database is away, counts as well.
"""

import json
import linecache
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TextIO

from services import cli

LOOK_S = 0.05
ROOMS = {  # the innermost of these in a thread's stack says what it is at
    "services/worker/wire.py": "http",
    "services/worker/gemini/client.py": "http",
    "services/worker/discovery.py": "http",
    "shared/store/": "database",
    "shared/images.py": "pictures",
}
TURN = ("services/worker/tasks.py", "_serve")
ASLEEP = re.compile(r"\bsleep\(|\b_pause\(")  # the line of whoever sleeps: sleep itself has no frame of Python's
UNTIL_WOKEN = {("threading.py", "wait"), ("threading.py", "wait_for"), ("threading.py", "join"), ("queue.py", "get")}
STARTS = ("threading.py", "start")  # until the new thread has begun, which it does at once


def main() -> None:
    """Look on while the command runs."""
    looks = Path(sys.argv.pop(1))
    threading.Thread(target=_look_on, args=(looks.open("w", encoding="utf-8"),), name="looks", daemon=True).start()
    cli.main()


def _look_on(looks: TextIO) -> None:
    while True:
        time.sleep(LOOK_S)
        busy = [(frame, room) for frame in sys._current_frames().values() if (room := _room(frame))]  # noqa: SLF001
        if busy:
            at = [(_at(frame, room), frame) for frame, room in busy]
            waits = [_told(frame) for kind, frame in at if kind == "waiting"]
            looks.write(json.dumps({"at": Counter(kind for kind, _ in at), "waits": waits}) + "\n")
            looks.flush()


def _room(frame: FrameType) -> str | None:
    """The innermost room of a thread's stack; None when it serves no job."""
    room: str | None = None
    at: FrameType | None = frame
    while at is not None:
        code = at.f_code
        if code.co_name == TURN[1] and code.co_filename.endswith(TURN[0]):
            return room or "work"
        room = room or _room_of(code.co_filename)
        at = at.f_back
    return None


@cache
def _room_of(file: str) -> str | None:
    return next((room for part, room in ROOMS.items() if part in file), None)


def _at(frame: FrameType, room: str) -> str:
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0)
    if ASLEEP.search(line):
        return "waiting"
    innermost = [(Path(one.f_code.co_filename).name, one.f_code.co_name) for one in islice(_stack(frame), 3)]
    is_woken = innermost[0] in UNTIL_WOKEN and STARTS not in innermost
    if room == "database":
        return "line" if is_woken or "with self._writer" in line else room
    return "waiting" if is_woken else room


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _told(frame: FrameType) -> str:
    return " < ".join(f"{one.f_code.co_filename}:{one.f_code.co_name}" for one in _stack(frame))


if __name__ == "__main__":
    main()
