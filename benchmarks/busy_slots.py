"""Runs ``g2d`` with an eye on its slots: what does each turn's thread do, look by look?

    .venv/bin/python -m benchmarks.busy_slots LOOKS.jsonl worker

A slot is busy while its thread serves a job. At each look its stack tells what it is at: a call to a service (``http``;
who wants what another thread is just asking the Hub shares that call), the ``database``, the ``broker``, the ``line``
for one of the connections to these two or for SQLite's one writer, the ``pictures`` that are kept, or ``work`` of its
own. ``waiting`` is what may never be: the thread lets time pass, asleep or until it is woken, as it would for a pause
between tries, a provider's queue, a cold start or another picture's prompt. The one such pause that the worker knows,
while its own database is away, counts as well.
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
from types import CodeType, FrameType
from typing import TextIO

from services import cli

LOOK_S = 0.25  # a look takes about 10 ms, in which nobody else gets on: more of them would be what the slots wait for
LONGEST_LOOK_S = 1.0
A_CHANGE_OF_HANDS_S = 0.001
ROOMS = {  # the innermost of these in a thread's stack says what it is at
    "services/worker/painters/http.py": "http",
    "services/worker/gemini/client.py": "http",
    "services/worker/painters/discovery.py": "http",
    "shared/store/": "database",
    "shared/celery_tickets.py": "broker",
    "shared/images.py": "pictures",
}
OUR_OWN = {"database", "broker"}
TURN = ("services/worker/engine/runner.py", "_serve")
ASLEEP = re.compile(r"\bsleep\(|\b_pause\(")  # the line that sleeps: sleep itself has no frame of Python's
UNTIL_WOKEN = {("threading.py", "wait"), ("threading.py", "wait_for"), ("threading.py", "join")}
STARTS = ("threading.py", "start")  # until the new thread has begun, which it does at once

# What a frame's code says of its thread: the room it is in, or that a turn begins here.
TURN_BEGINS = "turn"


def main() -> None:
    """Look on while the command runs."""
    looks = Path(sys.argv.pop(1))
    threading.Thread(target=_look_on, args=(looks.open("w", encoding="utf-8"),), name="looks", daemon=True).start()
    cli.main()


def _look_on(looks: TextIO) -> None:
    while True:
        time.sleep(LOOK_S)
        at, waits = _look()
        if at:
            looks.write(json.dumps({"at": at, "waits": waits}) + "\n")
            looks.flush()


def _look() -> tuple[Counter[str], list[str]]:
    """What the threads that serve jobs are at: how many at what, and the stacks of those that wait."""
    at: Counter[str] = Counter()
    waits = []
    for stack, line in _stacks():
        room = _room(stack)
        if room is not None:
            kind = _at(room, stack, line)
            at[kind] += 1
            if kind == "waiting":
                waits.append(" < ".join(f"{code.co_filename}:{code.co_name}" for code in stack))
    return at, waits


def _stacks() -> list[tuple[list[CodeType], int]]:
    """Of every thread: the code of its frames, the innermost first, and the line that this one is at."""
    before = sys.getswitchinterval()
    # Nobody may get a turn meanwhile: a frame that its thread has left must not be followed. Threads that stand in line
    # for the interpreter already insist after the old interval, until it has changed hands once more.
    sys.setswitchinterval(LONGEST_LOOK_S)
    time.sleep(A_CHANGE_OF_HANDS_S)
    try:
        return [(_codes(frame), frame.f_lineno or 0) for frame in sys._current_frames().values()]  # noqa: SLF001
    finally:
        sys.setswitchinterval(before)


def _codes(frame: FrameType | None) -> list[CodeType]:
    codes = []
    while frame is not None:
        codes.append(frame.f_code)
        frame = frame.f_back
    return codes


def _room(stack: list[CodeType]) -> str | None:
    """The innermost room of a thread's stack; None when it serves no job."""
    room = None
    for code in stack:
        sign = _sign(code)
        if sign is TURN_BEGINS:
            return room or "work"
        room = room or sign
    return None


@cache
def _sign(code: CodeType) -> str | None:
    if code.co_name == TURN[1] and code.co_filename.endswith(TURN[0]):
        return TURN_BEGINS
    return next((room for part, room in ROOMS.items() if part in code.co_filename), None)


def _at(room: str, stack: list[CodeType], number: int) -> str:
    """What a thread in this room is at."""
    line = _line(stack[0].co_filename, number)
    if ASLEEP.search(line):
        return "waiting"
    innermost = [_name(code) for code in stack[:3]]
    is_woken = innermost[0] in UNTIL_WOKEN and STARTS not in innermost
    if room in OUR_OWN:
        return "line" if is_woken or "with self._writer" in line else room
    return "waiting" if is_woken else room


@cache
def _name(code: CodeType) -> tuple[str, str]:
    return code.co_filename.rpartition("/")[2], code.co_name


@cache
def _line(file: str, number: int) -> str:
    return linecache.getline(file, number)


if __name__ == "__main__":
    main()
