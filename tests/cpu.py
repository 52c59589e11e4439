"""What something costs of CPU, on a machine that others use as well."""

import time
from collections.abc import Callable

RUNS = 3


def takes_within(seconds: float, act: Callable[[], object]) -> bool:
    """Whether one of three runs takes less of this thread's CPU.

    Others slow down a run by taking the caches and the other half of a core: rarely three times in a row.
    """
    return any(_cpu_s(act) < seconds for _ in range(RUNS))


def _cpu_s(act: Callable[[], object]) -> float:
    started = time.thread_time()
    act()
    return time.thread_time() - started
