"""A Postgres of our own, to be stopped, frozen and cut off at will."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.servers import free_port

CONFIGURATION = """
unix_socket_directories = ''
max_connections = 300
max_wal_size = '128MB'
shared_buffers = '64MB'
log_min_messages = warning
"""


DISK_MB = 1_024  # an hour's record takes a tenth of it


def missing_for_full_disks() -> str | None:
    """What this machine lacks for a disk of Postgres' own; None where nothing is missing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "disks are filled on Linux and by root alone"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "chaos", "/mnt"], capture_output=True, text=True, check=False
    )
    return f"this machine allows no disks of their own: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Have a disk of its own under a folder, which can be filled without harm to others."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "chaos", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class PostgresServer:
    """A server with one empty database, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._folder = folder
        self._data = folder / "data"

    def create(self, also_at: str | None = None) -> None:
        """Make the folder's contents; nothing runs yet.

        Args:
            also_at: Another address to listen at, for all whose networks are this machine's too.
        """
        if os.geteuid() == 0:  # It refuses to run as root.
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--pgdata", str(self._data))
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            addresses = ", ".join(filter(None, ("127.0.0.1", also_at)))
            file.write(f"{CONFIGURATION}port = {self.port}\nlisten_addresses = '{addresses}'\n")
        if also_at is not None:
            with (self._data / "pg_hba.conf").open("a", encoding="utf-8") as file:
                file.write("host all all samenet trust\n")

    def start(self) -> None:
        """Start; returns when it takes connections."""
        log = str(self._folder / "postgres.log")
        self._run("pg_ctl", "start", "--wait", "--pgdata", str(self._data), "--log", log)

    def stop(self, mode: str = "fast") -> None:
        """Stop: ``fast`` as in a restart, ``immediate`` as in a crash."""
        self._run("pg_ctl", "stop", "--wait", "--mode", mode, "--pgdata", str(self._data))

    def freeze(self) -> None:
        """Take connections and answer nothing any more."""
        for pid in [self._pid, *_children(self._pid)]:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it stood."""
        for pid in [*_children(self._pid), self._pid]:
            os.kill(pid, signal.SIGCONT)

    def cut(self) -> None:
        """End everybody's connections."""
        self.say(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def fill_disk(self) -> None:
        """Leave no byte free where it writes."""
        with (self._folder / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while ballast.write(bytes(2**20)) == 2**20:
                pass

    def free_disk(self) -> None:
        """Give it room again, and start it where it ended over that."""
        (self._folder / "ballast").unlink()
        if self._run("pg_ctl", "status", "--pgdata", str(self._data), check=False):
            self.start()

    def say(self, statement: str) -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def deadlocks(self) -> int:
        """How many it has counted since its start."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute("SELECT sum(deadlocks) FROM pg_stat_database").fetchone()
        return int(row[0]) if row else 0

    @property
    def _pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])

    @staticmethod
    def _run(program: str, *arguments: str, check: bool = True) -> int:
        """Run one of Postgres' programs; gives its exit status."""
        found = shutil.which(program) or str(max(Path("/usr/lib/postgresql").glob(f"*/bin/{program}")))
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        return subprocess.run([*drop, found, *arguments], check=check, stdout=subprocess.DEVNULL, cwd="/").returncode


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # It has just ended.
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
