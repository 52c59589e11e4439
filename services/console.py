"""The program ``g2d``: what has to be so before the command line is imported, and where every command ends."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

# Errors that the owner can mend: a full or read-only disk, a folder that belongs to another user.
OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
INTERRUPTED = 130
STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))  # by their numbers, from 0 on


def main() -> NoReturn:
    """Run the command line. Nothing that a person or their machine can cause ends with a traceback."""
    _open_what_is_closed()
    # While the command line is imported, Ctrl-C ends the program in silence; from then on `importing` puts it off.
    is_watched = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_watched:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from services import cli

    if is_watched:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _end(status_of(cli.main))


def status_of(command: Callable[[], None]) -> int:
    """Run a command; returns its exit status."""
    try:
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno not in OF_THE_MACHINE:
            raise
        with contextlib.suppress(OSError):
            sys.stderr.write(": ".join(str(one) for one in ("g2d", error.filename, error.strerror) if one) + "\n")
        return 1
    return 0


def _open_what_is_closed() -> None:
    """Give a program that was started without standard streams empty ones: else its files would get their numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        os.set_inheritable(number, True)
        name, mode = STREAMS[number]
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    os.close(number)


def _end(status: int) -> NoReturn:
    """End the process."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # Nobody reads it. Python would complain at the end, and try again.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or 1
    others = [one for one in threading.enumerate() if one is not threading.main_thread()]
    if others and all(one.daemon for one in others):
        # Before 3.14 Python ends daemon threads in a way that aborts the process where a library in Rust is at work.
        os._exit(status)
    raise SystemExit(status)
