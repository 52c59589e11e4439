"""Ends threads of this process from outside, as a bug might."""

import ctypes
import threading


def raise_exit_in(thread: threading.Thread) -> None:
    """Let SystemExit be raised where a thread is, when it wakes up next; it ends without a word."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
