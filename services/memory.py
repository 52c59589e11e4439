"""How the C library deals out memory to the threads of a process."""

import contextlib
import ctypes
import sys

M_ARENA_MAX = -8  # mallopt(3)
ARENAS = 2  # the C library takes eight a core; nearly all of Python's threads wait for one lock anyway


def share_arenas() -> None:
    """Let all threads take their memory from the same few arenas; to be called before the first one starts.

    What one of hundreds of threads has given back is then taken by the others.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library than glibc
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
