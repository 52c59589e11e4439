"""What the faults strike: our processes, their servers and the sandbox, all of our own."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import BIN, environment, process, until
from sandbox.client import SandboxClient
from shared.store.database import Database
from tests.chaos.clocks import Clock, build_library, missing_for_clocks
from tests.chaos.network import SERVERS, Network, missing_for_cuts
from tests.chaos.own_servers import PostgresServer, missing_for_full_disks, small_disk
from tests.servers import RedisServer, free_port

GRACE_S = 60.0  # `stop_grace_period`
NETWORK, CLOCKS, DISK = "network", "clocks", "disk"


def missing() -> dict[str, str]:
    """What can't be struck on this machine, and a sentence that says why and what to install."""
    why = {NETWORK: missing_for_cuts(), CLOCKS: missing_for_clocks(), DISK: missing_for_full_disks()}
    return {what: sentence for what, sentence in why.items() if sentence is not None}


class Service:
    """One process of ours, what it logs, and its clock, where that can be moved."""

    def __init__(
        self, command: str, settings: dict[str, str], log: Path, *, clock: Clock | None, entering: list[str]
    ) -> None:
        """Prepare it.

        Args:
            entering: What precedes the command so that it runs in its own network.
        """
        self.command = command
        self.log = log
        self.clock = clock
        self._settings = settings | (clock.environment if clock is not None else {})
        self._entering = entering
        self._process: subprocess.Popen[bytes] | None = None
        self.wanted = False  # whether it is to run; one that is wanted and has ended, ended by itself

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._entering, BIN / "g2d", self.command],
                env=self._settings,
                stderr=log,
                start_new_session=True,
            )
        self.wanted = True

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self.wanted = False
        self._send(signal.SIGKILL)
        self._wait()

    def stop(self) -> tuple[int, float]:
        """Ask it to end; returns its exit status and how many seconds it took.

        Raises:
            subprocess.TimeoutExpired: It did not end within its grace, and was killed.
        """
        self.wanted, begun = False, time.monotonic()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._wait(), time.monotonic() - begun
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    @property
    def ended_by_itself(self) -> bool:
        return self.wanted and self._process is not None and self._process.poll() is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def memory_mb(self) -> float | None:
        """Its resident memory; None while it doesn't run."""
        with suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
            found = re.search(r"VmRSS:\s+(\d+)", status)
            return int(found[1]) / 1024 if found else None
        return None

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _wait(self) -> int:
        return self._process.wait(GRACE_S) if self._process is not None else 0


@dataclass
class Plant:
    """All that runs. Embedded there are neither servers nor workers: ``bot`` is the only process."""

    client: SandboxClient
    folder: Path
    database: Database
    bot: Service
    workers: list[Service]
    postgres: PostgresServer | None = None
    redis: RedisServer | None = None
    network: Network | None = None

    @property
    def services(self) -> list[Service]:
        return [self.bot, *self.workers]

    @property
    def images(self) -> Path:
        return self.folder / "images"


@contextmanager
def running(size: str, *, workers: int) -> Iterator[Plant]:
    """Start all of it; the bot polls when this begins, and nothing is left afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # Entered first, and before any thread begins: whatever is started then is in it.
        network = None if missing_for_cuts() else Network()
        port = free_port()
        host = "127.0.0.1" if network is None else "0.0.0.0"  # Nobody else is in this network.
        stack.enter_context(process("sandbox", "--port", str(port), "--host", host))
        client = stack.enter_context(SandboxClient(f"http://127.0.0.1:{port}"))
        until(lambda: client.call("GET", "/people") is not None)
        settings = environment(client.url, str(folder)) | {
            "IMAGE_STORE_URL": (folder / "images").as_uri(),
            "G2D_LOG_FORMAT": "json",
        }
        if network is not None:
            settings |= _upstreams(port)
        plant = _plant(stack, client, folder, settings, network, workers if size == "distributed" else 0)
        for service in plant.services:
            stack.callback(service.kill)
            service.start()
        client.wait_for(lambda: client.journal("telegram", "getUpdates"), timeout_s=60, what="the bot")
        yield plant


def _upstreams(port: int) -> dict[str, str]:
    """The addresses of what the sandbox stands for, one each: so they can be cut off one by one."""
    telegram, gemini, huggingface = (f"http://{SERVERS[name]}:{port}" for name in ("Telegram", "Gemini", "HuggingFace"))
    return {
        "TELEGRAM_API_URL": f"{telegram}/telegram",
        "GOOGLE_GEMINI_BASE_URL": f"{gemini}/gemini",
        "HF_ROUTER_URL": f"{huggingface}/router",
        "HF_ENDPOINT": f"{huggingface}/hub",
        "HF_IMAGE_HOSTS": huggingface,
    }


def _plant(
    stack: ExitStack,
    client: SandboxClient,
    folder: Path,
    settings: dict[str, str],
    network: Network | None,
    workers: int,
) -> Plant:
    library = None if missing_for_clocks() else build_library(folder)

    def service(command: str, name: str) -> Service:
        if network is not None:
            network.add(name)
        return Service(
            command,
            settings,
            folder / f"{name}.log",
            clock=Clock(folder / f"{name}.clock", library) if library is not None else None,
            entering=network.entering(name) if network is not None else [],
        )

    if not workers:
        database = stack.enter_context(Database(f"sqlite:///{folder / 'g2d.db'}"))
        return Plant(client, folder, database, service("run", "run"), [], network=network)
    # A folder of their own that others may enter: Postgres runs as another user where we are root.
    apart = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-postgres-")))
    if not missing_for_full_disks():
        stack.enter_context(small_disk(apart))
    postgres, redis = PostgresServer(apart), RedisServer(folder)
    postgres.create(SERVERS["Postgres"] if network is not None else None)
    postgres.start()
    stack.callback(postgres.stop, "immediate")
    start_redis(redis)
    stack.callback(redis.stop)
    settings |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
    subprocess.run([BIN / "g2d", "migrate"], env=settings, check=True)
    if network is not None:
        for name, server in {"DATABASE_URL": "Postgres", "REDIS_URL": "Redis"}.items():
            settings[name] = settings[name].replace("127.0.0.1", SERVERS[server])
    database = stack.enter_context(Database(postgres.url.replace("postgresql:", "postgresql+psycopg:", 1)))
    at_work = [service("worker", f"worker{number}") for number in range(workers)]
    return Plant(client, folder, database, service("bot", "bot"), at_work, postgres, redis, network)


def start_redis(redis: RedisServer) -> None:
    """Start it as Compose does: it writes down what it holds, and refuses what doesn't fit."""
    at = (
        "--bind",
        "127.0.0.1",
        f"-{SERVERS['Redis']}",
        "--protected-mode",
        "no",
    )  # '-': where there is such an address
    redis.start("--appendonly", "yes", "--maxmemory-policy", "noeviction", *at)
