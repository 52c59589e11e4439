"""How long work in hand waits after kill -9: of the only process, of the bot, of the only worker, of one of two.

    .venv/bin/python -m benchmarks.recovery                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.recovery --distributed  # g2d bot and workers, Postgres, Redis

In each run ten pictures are in hand, and the lease is at its default of 30 seconds. What was killed is started again
at once where nothing else is alive. Prints the seconds from the kill until the first of its jobs has been claimed
again, and until the last has; of the bot, until the first and the last picture that it was sending is sent again.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Row, select

from benchmarks.installation import Installed, installed, options, process
from sandbox.client import SandboxClient
from shared.jobs import State
from shared.store import tables
from shared.store.database import Database

JOBS = 10
GATE = "huggingface"
LOOK_S = 0.02
PATIENCE_S = 90.0

_jobs = tables.jobs.c


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = options(__doc__, database="g2d_recovery", port=8183)
    parser.add_argument("--runs", type=int, default=20, help="of each kind (default 20)")
    wanted = parser.parse_args()
    with (
        installed(wanted, G2D_USER_IN_FLIGHT=str(JOBS)) as made,
        closing(Database(made.database_url)) as database,
        ExitStack() as stack,
    ):
        plant = Plant(made, database, stack, made.ours[-1], made.ours[0])
        if not wanted.distributed:
            figures = {"the only process": _figures(_run, plant, wanted.runs)}
        else:
            figures = {"the bot": _figures(_run_of_the_bot, plant, wanted.runs)}
            figures["the only worker"] = _figures(_run, plant, wanted.runs)
            plant.start_second()
            figures["one of two workers"] = _figures(_run, plant, wanted.runs)
    print(json.dumps(figures, indent=2))


@dataclass
class Plant:
    """What runs: what is to be killed, and a second worker or none."""

    made: Installed
    database: Database
    stack: ExitStack
    first: "subprocess.Popen[bytes]"
    bot: "subprocess.Popen[bytes]"
    second: "subprocess.Popen[bytes] | None" = None
    people: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    @property
    def client(self) -> SandboxClient:
        return self.made.client

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        log = self.stack.enter_context((self.made.folder / f"{command}.again.log").open("ab"))
        return self.stack.enter_context(process(command, environment=self.made.settings, log=log))

    def start_second(self) -> None:
        """Start one worker more; returns when it has said that it is there."""
        self.second = self.start("worker")
        is_it = tables.workers.c.name.contains(f"-{self.second.pid}-")
        with self.database.reading() as connection:
            _wait(lambda: connection.execute(select(tables.workers).where(is_it)).first() is not None)

    def rows(self, chat: int) -> list[Row]:
        with self.database.reading() as connection:
            return list(connection.execute(select(tables.jobs).where(_jobs.chat_id == chat)))


def _figures(run: Callable[[Plant], tuple[float, float]], plant: Plant, runs: int) -> dict[str, dict[str, float]]:
    times = [run(plant) for _ in range(runs)]
    return {
        name: {"median": round(median(column), 2), "worst": round(max(column), 2)}
        for name, column in zip(("first", "last"), zip(*times, strict=True), strict=True)
    }


def _run(plant: Plant) -> tuple[float, float]:
    client, person = plant.client, plant.client.person(f"Person {next(plant.people)}")
    client.arm("router", path="/hf-inference/", times=None, gate=GATE)
    for number in range(JOBS):
        client.say(person, f"/imagine a lighthouse, number {number}")
    client.wait_at_gate(GATE, count=JOBS)
    chat = person["id"]
    held = {row.id for row in plant.rows(chat) if f"-{plant.first.pid}-" in row.worker}

    if not held:
        raise RuntimeError("what is to be killed has nothing in hand: is another worker at this database?")

    killed_at = time.monotonic()
    plant.first.kill()
    plant.first.wait()
    if plant.second is None:
        plant.first = plant.start("worker" if "REDIS_URL" in plant.made.settings else "run")
    first = _wait(lambda: bool(_claimed_again(plant, chat, held))) - killed_at
    last = _wait(lambda: _claimed_again(plant, chat, held) == held) - killed_at

    client.open_gate(GATE)
    client.clear_faults()
    _wait(lambda: all(row.delivered_at is not None for row in plant.rows(chat)))
    if plant.second is not None:
        plant.first = plant.second
        plant.start_second()
    print(json.dumps({"held": len(held), "first": round(first, 2), "last": round(last, 2)}), flush=True)
    return first, last


def _run_of_the_bot(plant: Plant) -> tuple[float, float]:
    client = plant.client
    people = [client.person(f"Person {next(plant.people)}") for _ in range(JOBS)]
    client.arm("telegram", path="/sendPhoto$", times=None, gate=GATE, drop="before")
    for person in people:
        client.say(person, "/imagine a lighthouse")
    client.wait_at_gate(GATE, count=JOBS)
    before = max(one["id"] for one in client.journal())

    killed_at = time.monotonic()
    plant.bot.kill()
    plant.bot.wait()
    client.clear_faults()
    plant.bot = plant.start("bot")
    first = _wait(lambda: bool(_sent_again(client, before))) - killed_at
    last = _wait(lambda: _sent_again(client, before) >= {person["id"] for person in people}) - killed_at

    _wait(lambda: all(row.delivered_at is not None for person in people for row in plant.rows(person["id"])))
    print(json.dumps({"sent": JOBS, "first": round(first, 2), "last": round(last, 2)}), flush=True)
    return first, last


def _sent_again(client: SandboxClient, before: int) -> set[int]:
    """The chats to which pictures were sent since."""
    return {int(one["body"]["chat_id"]) for one in client.journal("telegram", "/sendPhoto$", after=before)}


def _claimed_again(plant: Plant, chat: int, held: set[int]) -> set[int]:
    return {row.id for row in plant.rows(chat) if row.id in held and row.claims > 1 and row.state == State.WORKING}


def _wait(look: Callable[[], bool]) -> float:
    """Wait until something is so; returns the time at which it was."""
    end = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {PATIENCE_S} s")
        time.sleep(LOOK_S)
    return time.monotonic()


if __name__ == "__main__":
    main()
