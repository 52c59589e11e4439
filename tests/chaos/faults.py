"""The faults: how each strikes, how it ends, and which errors our services may log over it."""

import random
import signal
import sqlite3
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from sandbox.client import Json
from tests.chaos.network import SERVERS as ADDRESSES
from tests.chaos.plant import CLOCKS, DISK, NETWORK, Plant, Service, start_redis

EMBEDDED, DISTRIBUTED = "embedded", "distributed"
BOTH = frozenset({EMBEDDED, DISTRIBUTED})
SERVERS = frozenset({DISTRIBUTED})
Strike = Callable[[Plant, ExitStack], None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for a while.

    Attributes:
        strike: Makes it so; what ends it goes onto the stack.
        seconds: How long it lasts; 0: what ends it follows at once.
        may_say: A regular expression: which lines at ERROR and above name this fault, during it and shortly after.
        doubles: Whether what the bot was sending may arrive twice over it.
        needs: What it strikes with, where not every machine has that: ``NETWORK``, ``CLOCKS`` or ``DISK``.
    """

    name: str
    strike: Strike
    seconds: float = 0.0
    sizes: frozenset[str] = SERVERS
    may_say: str = "(?!)"
    doubles: bool = False
    needs: str | None = None


# Processes


def _service(plant: Plant, name: str) -> list[Service]:
    return {"bot": [plant.bot], "worker": plant.workers[:1], "workers": plant.workers, "all": plant.services}[name]


def _killed(name: str) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        for service in _service(plant, name):
            service.kill()
            end.callback(service.start)

    return strike


def _stopped(name: str) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        for service in _service(plant, name):
            end.callback(service.start)
            status, _ = service.stop()
            if status not in {0, -signal.SIGTERM}:  # The latter right after its start, with nothing under way.
                raise RuntimeError(f"{service.command} ended with status {status}")

    return strike


def _frozen(name: str) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        for service in _service(plant, name):
            service.freeze()
            end.callback(service.thaw)

    return strike


# Servers


def _redis_of(plant: Plant) -> "redis.Redis":
    assert plant.redis is not None
    return redis.Redis.from_url(plant.redis.url, socket_timeout=5)


def _redis_restarted(plant: Plant, end: ExitStack) -> None:
    assert plant.redis is not None
    plant.redis.stop()
    end.callback(start_redis, plant.redis)


def _redis_emptied(plant: Plant, end: ExitStack) -> None:
    with _redis_of(plant) as client:
        client.flushall()


def _redis_frozen(plant: Plant, end: ExitStack) -> None:
    assert plant.redis is not None
    plant.redis.freeze()
    end.callback(plant.redis.thaw)


def _redis_a_replica(plant: Plant, end: ExitStack) -> None:
    with _redis_of(plant) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
    end.callback(_say_to_redis, plant, "REPLICAOF", "NO", "ONE")


def _redis_out_of_memory(plant: Plant, end: ExitStack) -> None:
    _say_to_redis(plant, "CONFIG", "SET", "maxmemory", "1")
    end.callback(_say_to_redis, plant, "CONFIG", "SET", "maxmemory", "0")


def _say_to_redis(plant: Plant, *words: str) -> None:
    with _redis_of(plant) as client:
        client.execute_command(*words)


def _postgres_stopped(mode: str) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        assert plant.postgres is not None
        plant.postgres.stop(mode)
        end.callback(plant.postgres.start)

    return strike


def _postgres_frozen(plant: Plant, end: ExitStack) -> None:
    assert plant.postgres is not None
    plant.postgres.freeze()
    end.callback(plant.postgres.thaw)


def _postgres_cut(plant: Plant, end: ExitStack) -> None:
    assert plant.postgres is not None
    plant.postgres.cut()


def _postgres_full(plant: Plant, end: ExitStack) -> None:
    assert plant.postgres is not None
    end.callback(plant.postgres.free_disk)
    plant.postgres.fill_disk()


def _postgres_read_only(plant: Plant, end: ExitStack) -> None:
    assert plant.postgres is not None

    def set_to(value: str) -> None:
        assert plant.postgres is not None
        plant.postgres.say(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        plant.postgres.say("SELECT pg_reload_conf()")

    set_to("on")
    end.callback(set_to, "off")


def _sqlite_locked(plant: Plant, end: ExitStack) -> None:
    other = end.enter_context(closing(sqlite3.connect(plant.folder / "g2d.db", timeout=30, isolation_level=None)))
    other.execute("BEGIN IMMEDIATE")
    end.callback(other.execute, "ROLLBACK")


def _images_moved(plant: Plant, end: ExitStack) -> None:
    aside = plant.images.with_name("images.aside")
    plant.images.rename(aside)
    end.callback(aside.rename, plant.images)


def _images_unwritable(plant: Plant, end: ExitStack) -> None:
    """A file is in the place of the folder: where we are root, permissions don't count."""
    _images_moved(plant, end)
    plant.images.write_text("no folder", encoding="utf-8")
    end.callback(plant.images.unlink)


# Services that we call


def _armed(service: str, path: str | None = None, **fault: Any) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        where = {} if path is None else {"path": path}
        armed: Json = plant.client.arm(service, **where, **({"times": None} | fault))
        end.callback(plant.client.clear_faults, armed["id"])

    return strike


# Networks and clocks


def _cut_off(name: str, *servers: str) -> Strike:
    def strike(plant: Plant, end: ExitStack) -> None:
        assert plant.network is not None
        for service in _service(plant, name):
            for server in servers:
                plant.network.cut(service.log.stem, server)
                end.callback(plant.network.mend, service.log.stem, server)

    return strike


def _moved(name: str, seconds: int) -> Strike:
    """The clock jumps, and back again in the end: each of these faults has a jump ahead and one back."""

    def strike(plant: Plant, end: ExitStack) -> None:
        for service in _service(plant, name):
            assert service.clock is not None
            service.clock.jump(seconds)
            end.callback(service.clock.jump, 0)

    return strike


def _cut(
    name: str, whose: str, *servers: str, seconds: float, size: str, may_say: str = "(?!)", doubles: bool = False
) -> Fault:
    return Fault(
        name, _cut_off(whose, *servers), seconds, frozenset({size}), may_say=may_say, doubles=doubles, needs=NETWORK
    )


def _clock(name: str, whose: str, seconds: int, size: str) -> Fault:
    return Fault(name, _moved(whose, seconds), 20, frozenset({size}), needs=CLOCKS)


BROKER = r"Cannot connect to redis|Couldn't ack|[Cc]onsumer|[Bb]roker|Connection.*lost"
GENERATE, SENDING = ":generateContent", "/send(Message|Photo|MediaGroup|Document)$"
HOUR, MINUTES = 3600, 300

FAULTS: tuple[Fault, ...] = (
    Fault("everything killed", _killed("bot"), sizes=frozenset({EMBEDDED}), doubles=True),
    Fault("everything told to end", _stopped("bot"), sizes=frozenset({EMBEDDED})),
    Fault("everything frozen", _frozen("bot"), 20, frozenset({EMBEDDED}), doubles=True),
    Fault("database locked", _sqlite_locked, 15, frozenset({EMBEDDED})),
    Fault("a worker killed, back after 15 s", _killed("worker"), 15),
    Fault("all workers killed, back at once", _killed("workers")),
    Fault("bot killed, back at once", _killed("bot"), doubles=True),
    Fault("a worker told to end", _stopped("worker")),
    Fault("all workers told to end", _stopped("workers")),
    Fault("bot told to end", _stopped("bot")),
    Fault("a worker frozen past its lease", _frozen("worker"), 45),
    Fault("bot frozen", _frozen("bot"), 20, doubles=True),
    Fault("Redis killed, back at once", _redis_restarted, may_say=BROKER),
    Fault("Redis away", _redis_restarted, 15, may_say=BROKER),
    Fault("Redis emptied", _redis_emptied),
    Fault("Redis frozen", _redis_frozen, 20, may_say=BROKER),
    Fault("Redis a replica", _redis_a_replica, 15, may_say=BROKER),
    Fault("Redis out of memory", _redis_out_of_memory, 15, may_say=BROKER),
    Fault("Postgres restarted", _postgres_stopped("fast")),
    Fault("Postgres crashed", _postgres_stopped("immediate")),
    Fault("Postgres away", _postgres_stopped("fast"), 15),
    Fault("Postgres frozen", _postgres_frozen, 15),
    Fault("Postgres connections cut", _postgres_cut),
    Fault("Postgres read-only", _postgres_read_only, 10),
    Fault("Postgres' disk full", _postgres_full, 15, needs=DISK),
    Fault("image store moved", _images_moved, 15, BOTH),
    Fault("image store unwritable", _images_unwritable, 15, BOTH),
    Fault("HuggingFace drops connections", _armed("router", drop="before"), 15, BOTH),
    Fault("HuggingFace hangs", _armed("router", delay_s=30), 15, BOTH),
    Fault("HuggingFace answers 500", _armed("router", status=500, reply={"error": "Internal"}), 15, BOTH),
    Fault("HuggingFace answers 429", _armed("router", preset="rate-limited", arguments={"retry_after": 5}), 15, BOTH),
    Fault("Gemini drops connections", _armed("gemini", drop="before"), 15, BOTH),
    Fault("Gemini hangs", _armed("gemini", delay_s=30), 15, BOTH),
    Fault("Gemini answers 500", _armed("gemini", preset="internal"), 15, BOTH),
    Fault(
        "Gemini answers 429",
        _armed("gemini", GENERATE, preset="per-minute-quota", arguments={"retry_delay": "5s"}),
        15,
        BOTH,
    ),
    Fault("Telegram answers 502", _armed("telegram", preset="bad-gateway"), 15, BOTH),
    Fault("Telegram drops connections", _armed("telegram", drop="before"), 15, BOTH),
    Fault(
        "Telegram says to wait 25 s",
        _armed("telegram", SENDING, times=6, preset="too-many-requests", arguments={"retry_after": 25}),
        25,
        BOTH,
    ),
    _cut("network cut to Telegram", "bot", "Telegram", seconds=30, size=EMBEDDED, doubles=True),
    _cut("network cut to Gemini", "bot", "Gemini", seconds=25, size=EMBEDDED),
    _cut("network cut to HuggingFace", "bot", "HuggingFace", seconds=25, size=EMBEDDED),
    _cut("network cut: bot, Telegram", "bot", "Telegram", seconds=30, size=DISTRIBUTED, doubles=True),
    _cut("network cut: workers, Gemini", "workers", "Gemini", seconds=25, size=DISTRIBUTED),
    _cut("network cut: workers, HuggingFace", "workers", "HuggingFace", seconds=25, size=DISTRIBUTED),
    _cut("network cut: bot, Postgres", "bot", "Postgres", seconds=25, size=DISTRIBUTED),
    _cut("network cut: workers, Postgres", "workers", "Postgres", seconds=20, size=DISTRIBUTED),
    _cut("network cut: bot, Redis", "bot", "Redis", seconds=25, size=DISTRIBUTED, may_say=BROKER),
    _cut("network cut: workers, Redis", "workers", "Redis", seconds=25, size=DISTRIBUTED, may_say=BROKER),
    _cut("network cut: a worker, all", "worker", *ADDRESSES, seconds=40, size=DISTRIBUTED, may_say=BROKER),
    _clock("clock an hour ahead", "bot", HOUR, EMBEDDED),
    _clock("clock an hour behind", "bot", -HOUR, EMBEDDED),
    _clock("clock 5 minutes ahead", "bot", MINUTES, EMBEDDED),
    _clock("clock 5 minutes behind", "bot", -MINUTES, EMBEDDED),
    _clock("all clocks an hour ahead", "all", HOUR, DISTRIBUTED),
    _clock("all clocks an hour behind", "all", -HOUR, DISTRIBUTED),
    _clock("bot's clock an hour ahead", "bot", HOUR, DISTRIBUTED),
    _clock("bot's clock 5 minutes behind", "bot", -MINUTES, DISTRIBUTED),
    _clock("a worker's clock an hour ahead", "worker", HOUR, DISTRIBUTED),
    _clock("a worker's clock an hour behind", "worker", -HOUR, DISTRIBUTED),
    _clock("a worker's clock 5 minutes ahead", "worker", MINUTES, DISTRIBUTED),
)


@dataclass(frozen=True)
class Strikes:
    """When which fault strikes, in seconds from the beginning. Pure: the seed alone decides."""

    planned: tuple[tuple[float, Fault], ...]

    @classmethod
    def plan(
        cls, size: str, seconds: float, seed: int, *, calm_s: float, only: str = "", without: Container[str | None] = ()
    ) -> "Strikes":
        """Plan a run: every kind comes once before one comes again, each some seconds after the one before.

        Args:
            without: What this machine can't do, of what faults may need.
        """
        kinds = [
            fault
            for fault in FAULTS
            if size in fault.sizes and only.lower() in fault.name.lower() and fault.needs not in without
        ]
        return cls(tuple(_planned(kinds, seconds, random.Random(seed), calm_s)))


def _planned(kinds: list[Fault], seconds: float, chance: random.Random, calm_s: float) -> Iterator[tuple[float, Fault]]:
    at = calm_s
    while kinds:
        for fault in chance.sample(kinds, len(kinds)):
            if at + fault.seconds > seconds:
                return
            yield at, fault
            at += fault.seconds + calm_s * chance.uniform(0.7, 1.3)


@contextmanager
def striking(fault: Fault, plant: Plant) -> Iterator[None]:
    """Inside, the fault is there."""
    with ExitStack() as end:
        fault.strike(plant, end)
        yield
