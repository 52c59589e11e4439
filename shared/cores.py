"""On which cores a process runs."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_all: set[int] = set()  # that the process could use before it kept to one; empty where it does not


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Let this thread, and all that are started meanwhile, run on the core that it is on. On Linux alone.

    Python runs one thread at a time: on several cores they only hand over to each other, which costs a quarter of what
    a picture takes (docs/decisions/0034-one-process-one-core.md).
    """
    if sys.platform != "linux" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # Not every container lets a process choose, or shows it where it is.
        os.sched_setaffinity(0, {_present_core()})
        _all.update(before)
    try:
        yield
    finally:
        _all.clear()
        _try_to_run_on(before)


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let this thread, and what processes it starts meanwhile, run on all cores again."""
    if not _all:
        yield
        return
    before = os.sched_getaffinity(0)
    _try_to_run_on(_all)
    try:
        yield
    finally:
        _try_to_run_on(before)


def _try_to_run_on(cores: set[int]) -> None:
    with contextlib.suppress(OSError):  # A container's cores may be others by now; then the system has chosen.
        os.sched_setaffinity(0, cores)


def _present_core() -> int:
    # proc(5): the 39th field; the second is a name in brackets, which may hold anything.
    return int(Path("/proc/thread-self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[36])
