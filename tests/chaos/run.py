"""Faults at a running installation, one after the other, while people ask: what became of each request.

    make chaos ARGS="--minutes 10 --seed 3 --size distributed"

Real processes with Postgres and Redis of their own, against a sandbox that keeps Telegram's flood limits. A steady load
of every kind of request, each in a chat of its own. Kinds of faults come in an order that the seed chooses, each once
before one comes again; besides, a share of all calls to Telegram goes wrong. Prints the schedule, a table of what was
asked for, one of the faults, and a line of JSON; the exit status is 1 if anything was violated:

- each request has its one outcome: what was asked for, or an explanation. What Telegram took while nobody could hear of
  it may be there twice: that is counted apart, and only where such a fault struck in that chat;
- no status message stands, and no button of one; in the record everything has ended and is delivered;
- every call was as the Bot API describes it, and Telegram refused none for a flood in a group or in all;
- no process ends by itself, none takes longer to end than its grace, Postgres counts no deadlock;
- no error is logged that no fault explains.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from sandbox.client import Json
from shared.errors import StoreAway
from tests.chaos.faults import DISTRIBUTED, EMBEDDED, Strikes, striking
from tests.chaos.load import KINDS, Asked, People
from tests.chaos.plant import Plant, Service, missing, running
from tests.chaos.telegram_faults import arm, name_of
from tests.chaos.verdict import (
    Calls,
    Chat,
    Happened,
    Recorded,
    Struck,
    arrivals,
    errors_in,
    may_come_right,
    outcome,
    read_chat,
    read_record,
    recovery_s,
    unended,
    violations,
)

GEMINI_S, PAINTER_S = 0.5, 1.5
CALLS_A_REQUEST = 15  # more than there are, polls included: what was not struck is disarmed
WARM_UP_S = 20.0
LOOK_S = 0.5


def main() -> None:
    """Let it happen, print what came of it, and exit with 1 if something was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=(EMBEDDED, DISTRIBUTED), default=DISTRIBUTED)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.7, help="requests a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--share", type=float, default=0.01, help="of the calls to Telegram that go wrong")
    parser.add_argument("--calm", type=float, default=WARM_UP_S, help="seconds between two faults, about")
    parser.add_argument("--only", default="", help="only faults with this in their name; '-' for none")
    parser.add_argument("--settle", type=float, default=420, help="seconds that the end may take at most")
    parser.add_argument("--keep", type=Path, help="a folder for the logs")
    wanted = parser.parse_args()

    lacking = missing()
    strikes = Strikes.plan(
        wanted.size, 60 * wanted.minutes, wanted.seed, calm_s=wanted.calm, only=wanted.only, without=lacking
    )
    print(f"{wanted.size}, {wanted.minutes:g} min at {wanted.rate:g}/s, seed {wanted.seed}:")
    for what, why in lacking.items():
        print(f"LEFT OUT: faults of {what}, since {why}")
    for at, fault in strikes.planned:
        print(f"  {at:6.1f} s  {fault.name}, {fault.seconds:g} s")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left
    with running(wanted.size, workers=wanted.workers) as plant:
        sys.exit(_run(plant, strikes, wanted))


def _run(plant: Plant, strikes: Strikes, wanted: argparse.Namespace) -> int:
    watch = Watch(plant)
    try:
        happened = _let_it_happen(plant, strikes, wanted, watch)
    finally:
        watch.end()
    deadlocks = plant.postgres.deadlocks() if plant.postgres else 0
    found = [*watch.violations, *violations(happened, list(_errors(plant, watch)))]
    found += [f"the record: {one}" for one in unended(plant.database)]
    found += [f"Telegram: {one}" for one in plant.client.violations()]
    found += [f"{deadlocks} deadlocks"] if deadlocks else []
    _report(happened, found, watch, wanted)
    if wanted.keep:
        wanted.keep.mkdir(parents=True, exist_ok=True)
        for log in plant.folder.glob("*.log"):
            shutil.copy(log, wanted.keep)
        dumped = [[asked.kind, asked.chat, asked.at, happened.calls_of(asked.chat)] for asked in happened.asked]
        (wanted.keep / "calls.json").write_text(json.dumps(dumped), encoding="utf-8")
    return 1 if found else 0


def _errors(plant: Plant, watch: "Watch") -> Iterator[tuple[float, str]]:
    for service in plant.services:
        for at, line in errors_in(service.log.read_bytes(), watch.log_sizes[service.log.stem]):
            yield at, f"{service.log.stem}: {line}"


# While it happens


class Watch:
    """Looks at the processes twice a second: which end by themselves, their memory, and how much they log."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._done = threading.Event()
        self.violations: list[str] = []
        self.memory_mb: dict[str, list[list[float]]] = defaultdict(list)  # name → lives → looks
        self.log_sizes: dict[str, list[tuple[float, int]]] = defaultdict(list)  # name → looks: Unix seconds, bytes
        self._pids: dict[str, int] = {}
        self._thread = threading.Thread(target=self._look_on)
        self._thread.start()

    def end(self) -> None:
        self._done.set()
        self._thread.join()

    def log_lines(self) -> Counter[str]:
        """How many lines of which level were logged so far."""
        found: Counter[str] = Counter()
        for service in self._plant.services:
            for line in service.log.read_text(encoding="utf-8").splitlines() if service.log.exists() else ():
                found[json.loads(line)["level"] if line.startswith("{") else "other"] += 1
        return found

    def _look_on(self) -> None:
        is_done = False
        while not is_done:
            is_done = self._done.wait(LOOK_S)
            for service in self._plant.services:
                self._look_at(service)

    def _look_at(self, service: Service) -> None:
        if service.ended_by_itself:
            self.violations.append(f"{service.log.stem} ended by itself")
            service.start()
        self.log_sizes[service.log.stem].append((time.time(), service.log.stat().st_size))
        pid, memory = service.pid, service.memory_mb
        if pid is None or memory is None:
            return
        lives = self.memory_mb[service.log.stem]
        if self._pids.get(service.log.stem) != pid:
            self._pids[service.log.stem] = pid
            lives.append([])
        lives[-1].append(memory)


def _let_it_happen(plant: Plant, strikes: Strikes, wanted: argparse.Namespace, watch: Watch) -> Happened:
    client, chance = plant.client, random.Random(wanted.seed)
    client.call("PUT", "/gemini/_sandbox", json={"latency_s": GEMINI_S})
    client.call("PUT", "/router/_sandbox", json={"latency_s": PAINTER_S, "same_picture": True})
    client.set_limits(flood="strict", repeated_polls="strict")
    seconds = 60 * wanted.minutes
    if wanted.share:
        arm(client, int(seconds * wanted.rate * CALLS_A_REQUEST), wanted.share, chance)
    calls, people = Calls(client.url), People(client.url, chance)
    people.begin(seconds, wanted.rate)
    faults: dict[int, Json] = {}
    struck = list(_strike(plant, strikes, watch, faults))
    asked = people.end()
    faults |= {one["id"]: one for one in client.faults()}
    client.clear_faults()
    begun = time.monotonic()
    chats = _settle(plant, asked, begun + wanted.settle)
    settled_s = time.monotonic() - begun
    return Happened(asked, struck, calls.end(), faults, chats, read_record(plant.database), settled_s)


def _strike(plant: Plant, strikes: Strikes, watch: Watch, faults: dict[int, Json]) -> Iterator[Struck]:
    started = time.monotonic()
    for at, fault in strikes.planned:
        time.sleep(max(0.0, started + at - time.monotonic()))
        begun = time.time()
        try:
            with striking(fault, plant):
                time.sleep(fault.seconds)
                faults |= {one["id"]: one for one in plant.client.faults()}
        except Exception as error:  # noqa: BLE001
            watch.violations.append(f"{fault.name}: {type(error).__name__}: {error}")
        yield Struck(fault, begun, time.time())


def _settle(plant: Plant, asked: list[Asked], until: float) -> dict[int, Chat]:
    chats: dict[int, Chat] = {}
    left = {one.chat for one in asked}
    while time.monotonic() < until:
        if not _is_anything_left(plant):
            chats |= {chat: read_chat(plant.client, chat) for chat in left}
            recorded = read_record(plant.database)
            left = {
                one.chat for one in asked if may_come_right(one, chats[one.chat], recorded.get(one.chat, Recorded()))
            }
            if not left:
                break
        time.sleep(2)
    return chats | {chat: read_chat(plant.client, chat) for chat in left}


def _is_anything_left(plant: Plant) -> bool:
    try:
        return any(True for _ in unended(plant.database))
    except StoreAway:
        return True


# The report


def _report(happened: Happened, found: list[str], watch: Watch, wanted: argparse.Namespace) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    for asked in happened.asked:
        recorded = happened.recorded.get(asked.chat, Recorded())
        counts[asked.kind]["asked"] += 1
        counts[asked.kind][outcome(asked, happened.chats[asked.chat], recorded)] += 1
        reasons.update(recorded.reasons)
    columns = ("asked", "as asked", "explained", "doubled", "lost", "standing")
    print(f"| kind | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for kind in KINDS:
        print(f"| {kind} | {' | '.join(str(counts[kind][name]) for name in columns)} |")
    print("\n| fault | for | first message after its end | all that was asked before |\n|---|---|---|---|")
    for one in happened.struck:
        first, last = (f"{time_s:.1f} s" if time_s is not None else "–" for time_s in recovery_s(one, happened))
        print(f"| {one.fault.name} | {one.ended - one.begun:.1f} s | {first} | {last} |")
    struck = Counter(
        name_of(happened.faults[one["fault"]]) for one in happened.calls if one["fault"] in happened.faults
    )
    all_of = sum(counts.values(), Counter())
    waits = [late - asked_at for asked_at, late in arrivals(happened)]
    summary = {
        "size": wanted.size,
        "seed": wanted.seed,
        "minutes": wanted.minutes,
        "requests": len(happened.asked),
        "outcomes": dict(all_of),
        "reasons": dict(reasons),
        "calls": len(happened.calls),
        "struck": dict(struck.most_common()),
        "strikes": len(happened.struck),
        "median_s": round(median(waits), 2) if waits else None,
        "worst_s": round(max(waits), 1) if waits else None,
        "settled_s": round(happened.settled_s, 1),
        "memory_mb": {
            name: [[round(looks[0]), round(max(looks)), round(looks[-1])] for looks in lives if looks]
            for name, lives in watch.memory_mb.items()
        },
        "log_lines": dict(watch.log_lines()),
        "violations": len(found),
    }
    print(json.dumps(summary, ensure_ascii=False))
    for violation in found:
        print(f"VIOLATED: {violation}")


if __name__ == "__main__":
    main()
