"""What a process of many threads does with its memory."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from services.memory import ARENAS

# Each thread allocates while the others hold memory; the C library then prints its arenas to standard error.
MANY_THREADS = """
import ctypes, threading
from services.memory import share_arenas
share_arenas()
all_there = threading.Barrier(16)
def take():
    kept = bytearray(10_000)
    all_there.wait()
threads = [threading.Thread(target=take) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas")
def test_all_threads_share_few_arenas() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY_THREADS],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert 1 <= done.stderr.count("Arena ") <= ARENAS
