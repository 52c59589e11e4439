"""How long work in hand waits after kill -9: of everything in one process, of the only worker, of one of two workers.

    .venv/bin/python -m benchmarks.recovery                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.recovery --distributed  # g2d bot and workers, Postgres, Redis

In each run ten pictures are in hand, and the lease is at its default of 30 seconds. What was killed is started again
at once where nothing else is alive. Prints the seconds from the kill until the first of its jobs has been claimed
again, and until the last has.
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
        plant = Plant(made, database, stack, made.ours[-1])
        if not wanted.distributed:
            figures = {"the only process": _figures(plant, wanted.runs)}
        else:
            figures = {"the only worker": _figures(plant, wanted.runs)}
            plant.start_second()
            figures["one of two workers"] = _figures(plant, wanted.runs)
    print(json.dumps(figures, indent=2))


@dataclass
class Plant:
    """What runs: what is to be killed, and a second worker or none."""

    made: Installed
    database: Database
    stack: ExitStack
    first: "subprocess.Popen[bytes]"
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


def _figures(plant: Plant, runs: int) -> dict[str, dict[str, float]]:
    times = [_run(plant) for _ in range(runs)]
    return {
        name: {"median": round(median(column), 2), "worst": round(max(column), 2)}
        for name, column in zip(("first job", "last job"), zip(*times, strict=True), strict=True)
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
