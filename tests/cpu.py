"""What something costs of CPU, on a machine that others use as well."""

import time
from collections.abc import Callable

RUNS = 3
USUAL_S = 0.02  # what ``_count`` takes where nobody else is at work


def takes_within(seconds: float, act: Callable[[], object]) -> bool:
    """Whether one of three runs takes less of this thread's CPU, on a machine of usual speed.

    Others slow down a run by taking the caches and the other half of a core: rarely three times in a row. How slow the
    machine is just then, a loop of ours shows that runs beside.
    """
    return any(_cpu_s(act) < seconds * max(1.0, _cpu_s(_count) / USUAL_S) for _ in range(RUNS))


def _count() -> int:
    return sum(number * number for number in range(250_000))


def _cpu_s(act: Callable[[], object]) -> float:
    started = time.thread_time()
    act()
    return time.thread_time() - started
