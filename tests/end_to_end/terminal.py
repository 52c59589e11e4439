"""A command of ours on a terminal of its own: what it shows, and a keyboard."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.installation import G2D

PATIENCE_S = 150.0


class Terminal:
    """The far end of a terminal on which a command runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", keyboard: int) -> None:
        self._process = process
        self._keyboard = keyboard
        self._seen = 0
        self._bytes = b""

    @property
    def shown(self) -> str:
        """All that it has shown."""
        return self._bytes.decode(errors="replace").replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def wait_for(self, words: str) -> None:
        """Read until it shows these words, after those that were waited for before."""
        end = time.monotonic() + PATIENCE_S
        while (found := self._bytes.find(words.encode(), self._seen)) < 0 and time.monotonic() < end and self._read():
            continue
        assert found >= 0, self.shown
        self._seen = found + len(words.encode())

    def wait(self) -> int:
        """Read to its end; returns its exit status."""
        while self._read():
            continue
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._keyboard], [], [], PATIENCE_S)
        assert ready, self.shown
        try:
            new = os.read(self._keyboard, 65_536)
        except OSError:  # Its end is an error on Linux.
            return b""
        self._bytes += new
        return new


@contextmanager
def on_a_terminal(folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Terminal]:
    """Run ``g2d`` with these arguments on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [G2D, *arguments],
        env={**environment, "TERM": "xterm", "COLUMNS": "200"},
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # Ctrl-C reaches it as from a keyboard.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - this process has no threads
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)
