"""Imports a service's parts undisturbed: without looking for garbage meanwhile, and without Ctrl-C in the middle."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


@contextmanager
def importing() -> Iterator[None]:
    """Import what stays for good.

    Python would look for garbage among all that was imported again and again, during the start, where it takes a
    fifth of the time, and later.

    Raises:
        KeyboardInterrupt: Ctrl-C came meanwhile. In the middle of an import a library may take it for an error of its
            own; a second one ends the process at once.
    """
    gc.disable()
    try:
        with _interrupts_put_off():
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    of_python = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not of_python or threading.current_thread() is not threading.main_thread():
        yield
        return
    is_asked = threading.Event()

    def note(_: int, __: FrameType | None) -> None:
        if is_asked.is_set():
            os._exit(INTERRUPTED)
        is_asked.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if is_asked.is_set():
        raise KeyboardInterrupt
