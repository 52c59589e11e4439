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
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TextIO

from services import cli

LOOK_S = 0.05
LONGEST_LOOK_S = 1.0
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

Stack = list[tuple[str, str, int]]  # file, function and line of each frame, the innermost first


def main() -> None:
    """Look on while the command runs."""
    looks = Path(sys.argv.pop(1))
    threading.Thread(target=_look_on, args=(looks.open("w", encoding="utf-8"),), name="looks", daemon=True).start()
    cli.main()


def _look_on(looks: TextIO) -> None:
    while True:
        time.sleep(LOOK_S)
        busy = _busy()
        if busy:
            at = [(_at(room, stack), stack) for room, stack in busy]
            waits = [" < ".join(f"{file}:{name}" for file, name, _ in stack) for kind, stack in at if kind == "waiting"]
            looks.write(json.dumps({"at": Counter(kind for kind, _ in at), "waits": waits}) + "\n")
            looks.flush()


def _busy() -> list[tuple[str, Stack]]:
    """The room and the stack of every thread that serves a job."""
    before = sys.getswitchinterval()
    # Nobody gets a turn while they are looked at: a frame that its thread has left meanwhile must not be followed.
    sys.setswitchinterval(LONGEST_LOOK_S)
    try:
        stacks = [_stack(frame) for frame in sys._current_frames().values()]  # noqa: SLF001
    finally:
        sys.setswitchinterval(before)
    return [(room, stack) for stack in stacks if (room := _room(stack))]


def _stack(frame: FrameType | None) -> Stack:
    stack = []
    while frame is not None:
        stack.append((frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno or 0))
        frame = frame.f_back
    return stack


def _room(stack: Stack) -> str | None:
    """The innermost room of a thread's stack; None when it serves no job."""
    room = None
    for file, name, _ in stack:
        if name == TURN[1] and file.endswith(TURN[0]):
            return room or "work"
        room = room or _room_of(file)
    return None


@cache
def _room_of(file: str) -> str | None:
    return next((room for part, room in ROOMS.items() if part in file), None)


def _at(room: str, stack: Stack) -> str:
    file, _, line = stack[0]
    code = linecache.getline(file, line)
    if ASLEEP.search(code):
        return "waiting"
    innermost = [(Path(file).name, name) for file, name, _ in stack[:3]]
    is_woken = innermost[0] in UNTIL_WOKEN and STARTS not in innermost
    if room == "database":
        return "line" if is_woken or "with self._writer" in code else room
    return "waiting" if is_woken else room


if __name__ == "__main__":
    main()
