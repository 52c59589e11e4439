"""An installation under measurement: real processes against a sandbox, and nothing of the machine's own settings."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sandbox.client import SandboxClient

BIN = Path(sys.executable).parent
MODEL = "stabilityai/stable-diffusion-3-medium-diffusers"  # served synchronously, by hf-inference
TOKEN = "4242:" + "b" * 35
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def environment(url: str, folder: str) -> dict[str, str]:
    """The settings of an embedded installation that knows the sandbox at ``url`` alone."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": f"{url}/telegram",
        "G2D_ACCESS": "open",
        "G2D_USER_PICTURES_DAY": "0",
        "G2D_USER_PICTURES_MONTH": "0",
        "G2D_GROUP_PICTURES_DAY": "0",
        "G2D_USER_TOKENS_DAY": "0",
        "G2D_MONEY_DAY": "0",
        "G2D_MONEY_MONTH": "0",
        "GOOGLE_API_KEY": "a-key-for-the-benchmark",
        "GOOGLE_GEMINI_BASE_URL": f"{url}/gemini",
        "HF_TOKEN": "hf_" + "b" * 34,
        "HF_ROUTER_URL": f"{url}/router",
        "HF_ENDPOINT": f"{url}/hub",
        "HF_IMAGE_HOSTS": url,
        "G2D_IMAGE_MODEL": MODEL,
        "G2D_DATA_DIR": folder,
        "G2D_SECRET_KEY": "benchmark" * 4 + "benchma=",
        "G2D_LOG_LEVEL": "WARNING",
    }


def options(description: str | None, *, database: str = "g2d_benchmark", port: int = 8178) -> argparse.ArgumentParser:
    """The options of every benchmark: the size of the installation, and where it may have its place."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--distributed", action="store_true")
    parser.add_argument("--postgres", default=f"postgresql://postgres@127.0.0.1:5432/{database}", help="made anew")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/13", help="emptied before")
    parser.add_argument("--port", type=int, default=port)
    return parser


@dataclass(frozen=True)
class Installed:
    """What runs: a sandbox, and our processes beside it, which keep what they write in a folder."""

    client: SandboxClient
    folder: Path
    settings: dict[str, str]
    ours: list[subprocess.Popen] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        """Where the record is, as ``Database`` takes it."""
        url = self.settings.get("DATABASE_URL", f"sqlite:///{self.folder / 'g2d.db'}")
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def slots(self) -> Path:
        """What busy slots are at, as ``benchmarks.busy_slots`` writes it; there if they are watched."""
        return self.folder / "slots.jsonl"

    @property
    def log(self) -> str:
        """All that our processes have said."""
        return "\n".join(file.read_text(encoding="utf-8") for file in sorted(self.folder.glob("*.log")))

    def cpu_s(self) -> float:
        """CPU seconds of our processes and their children, from their start."""
        return cpu_s(self.ours)

    def counts(self) -> Counter[str]:
        """What ``benchmarks.counting`` has counted since the start, in all our processes."""
        for file in self.folder.glob("*.counts"):
            file.unlink()
        for one in self.ours:
            one.send_signal(signal.SIGUSR2)
        until(lambda: len(list(self.folder.glob("*.counts"))) == len(self.ours), 10)
        return sum((Counter(json.loads(file.read_text())) for file in self.folder.glob("*.counts")), Counter())


@contextmanager
def installed(
    wanted: argparse.Namespace, *, watched: bool = False, counted: bool = False, **settings: str
) -> Iterator[Installed]:
    """Start all of it as ``options`` say; the bot polls when this begins.

    Args:
        watched: Have ``Installed.slots`` written.
        counted: Have each process count its statements, as ``benchmarks.counting`` does.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = f"http://127.0.0.1:{wanted.port}"
        stack.enter_context(process("sandbox", "--port", str(wanted.port)))
        client = stack.enter_context(SandboxClient(url))
        until(lambda: client.call("GET", "/people") is not None)
        made = Installed(client, Path(folder), environment(url, folder) | settings)
        if wanted.distributed:
            made.settings.update(DATABASE_URL=wanted.postgres, REDIS_URL=wanted.redis)
            fresh(wanted.postgres, wanted.redis)
            subprocess.run([BIN / "g2d", "migrate"], env=made.settings, check=True)
        for command in ("bot", "worker") if wanted.distributed else ("run",):
            log = stack.enter_context((made.folder / f"{command}.log").open("wb"))
            slots = made.slots if watched and command != "bot" else None
            counts = made.folder / f"{command}.counts" if counted else None
            ours = process(command, environment=made.settings, log=log, watched=slots, counts=counts)
            made.ours.append(stack.enter_context(ours))
        client.wait_for(lambda: client.journal("telegram", "getUpdates"), timeout_s=60, what="the bot")
        yield made


@contextmanager
def process(
    *arguments: str,
    environment: dict[str, str] | None = None,
    log: IO[bytes] | None = None,
    watched: Path | None = None,
    counts: Path | None = None,
) -> Iterator[subprocess.Popen]:
    """Run ``g2d`` with these arguments; it is killed in the end.

    Args:
        watched: Where to write what its busy slots are at, look by look.
        counts: Where to write its counts, when it is asked for them.
    """
    command: list[str | Path] = [BIN / "g2d"]
    if watched is not None:
        command = [sys.executable, "-m", "benchmarks.busy_slots", str(watched)]
    elif counts is not None:
        command = [sys.executable, "-m", "benchmarks.counting", str(counts)]
    started = subprocess.Popen([*command, *arguments], env=environment, stderr=log)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def fresh(postgres: str, redis_url: str) -> None:
    """Make both databases anew, and empty."""
    import psycopg
    import redis

    server, _, name = postgres.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    with redis.Redis.from_url(redis_url) as server_:
        server_.flushdb()


def until(ready, seconds: float = 60) -> None:
    """Ask again until a server that has just been started answers with yes."""

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.1)
    raise TimeoutError(f"no server within {seconds} s")


def cpu_s(processes: Iterable[subprocess.Popen]) -> float:
    """CPU seconds of processes and their children, from their start."""
    return sum(_cpu_s(pid) for one in processes for pid in tree(one.pid))


def tree(pid: int) -> list[int]:
    """A process and all below it; none where it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(below for child in children for below in tree(int(child)))]


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_PER_S
