"""Wall clocks that jump: each process of ours reads its own, which a file moves."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
AS_IT_IS = struct.pack("q", 0)  # an int64_t, as clock.c reads it


def missing_for_clocks() -> str | None:
    """What this machine lacks for clocks that jump, and how it is installed; None where nothing is missing."""
    if sys.platform != "linux":
        return "clocks are moved on Linux alone"
    if shutil.which("cc") is None:
        return "clocks are moved by a library in C: apt-get install gcc libc6-dev"
    return None


class Clock:
    """The wall clock of one process, the machine's own at first."""

    def __init__(self, file: Path, library: Path) -> None:
        file.write_bytes(AS_IT_IS)
        self._file = file
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(file)}

    def jump(self, seconds: int) -> None:
        """Let it be so many seconds ahead of the machine's, or behind; 0: as the machine's."""
        with self._file.open("r+b") as file:  # Emptied first, the mapped file would be gone for a moment.
            file.write(struct.pack("q", seconds))


def build_library(folder: Path) -> Path:
    """Compile what a process preloads to read a clock that jumps."""
    built = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", built, SOURCE, "-ldl"], check=True)
    return built
