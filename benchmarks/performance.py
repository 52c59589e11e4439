"""What the bot itself costs, by turns in one run: a bare loop, one process (SQLite), bot and worker (Postgres, Redis).

    make bench                                                     # writes docs/performance.md anew, six minutes
    .venv/bin/python -m benchmarks.performance --json figures.json # the table alone
    .venv/bin/python -m benchmarks.performance --only embedded     # one of bare, embedded, distributed
    .venv/bin/python -m benchmarks.performance --count embedded    # statements and commands for one picture, no times

Sandbox and bots are processes of their own. ``added`` is the time from a message to the arrival of its photo at
Telegram, less what the services take. The bursts are counted by the sandbox's strict flood limit: thirty messages in
any second. The bare loop keeps no record, so that its figures tell what the calls alone cost on the same machine.
"""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import growth, plots
from benchmarks.installation import cpu_s, environment, fresh, installed, options, process, tree, until
from sandbox.client import SandboxClient

SIZES = ("bare", "embedded", "distributed")
PLOTS = Path("images/performance")  # beside the page
ALONE = 20  # pictures, one after the other
APART_S = 0.2  # between these, so that no limit is met and each has its status message
COUNTED = 10  # pictures whose round trips are counted
STEADY_PER_S, STEADY_S, UPSTREAM_S = 5, 7, 1.0
SLOW_S = 10.0
LIMIT_S = 1.1  # after which a burst no longer counts for the flood limit
PATIENCE_S = 180.0

Curves = dict[str, list[float]]


def main() -> None:
    """Measure, print a table, write what was asked for."""
    parser = options(__doc__, database="g2d_performance", port=8191)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path, help="the page whose table and counts are replaced; plots go beside it")
    parser.add_argument("--only", choices=SIZES)
    parser.add_argument("--count", choices=SIZES[1:])
    parser.add_argument("--quick", action="store_true", help="without the bursts against slow services")
    wanted = parser.parse_args()
    if wanted.count:
        for name, count in count_round_trips(wanted, wanted.count).most_common():
            print(f"{count / COUNTED:6.1f}  {name}")
        return
    sizes = [wanted.only] if wanted.only else SIZES
    where = _where()
    curves: dict[str, Curves] = {size: {} for size in sizes}
    figures = {size: measure(wanted, size, curves[size]) for size in sizes}
    if wanted.json:
        found = {"figures": figures, "curves": curves}
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    table = write_table(figures)
    print(table)
    if wanted.page:
        replace(wanted.page, "figures", f"{where}\n\n{table}")
        counts = {size: count_round_trips(wanted, size) for size in SIZES[1:]}
        replace(wanted.page, "counts", write_counts(counts))
        grown = {kind: growth.measure_growth(kind) for kind in growth.KINDS}
        replace(wanted.page, "growth", growth.write_table(grown))
        plots.draw(curves, wanted.page.parent / PLOTS)


@dataclass
class Subject:
    """What is measured: processes beside a sandbox."""

    client: SandboxClient
    ours: list[subprocess.Popen]
    curves: Curves = field(default_factory=dict)
    people: Iterator[dict] = field(init=False)

    def __post_init__(self) -> None:
        self.people = (self.client.person(f"Person {number}") for number in range(10**6))

    def cpu_s(self) -> float:
        """CPU seconds of our processes and their children, from their start."""
        return cpu_s(self.ours)

    def memory_mb(self, when: str) -> dict[str, float]:
        """Proportional set size of each of our processes with its children, by ``when`` and its place, from 0."""
        sizes = [sum(map(_memory_kb, tree(one.pid))) / 1024 for one in self.ours]
        return {f"memory_{when}_{place}": size for place, size in enumerate(sizes)}

    def seen(self) -> int:
        """The number of the newest request so far."""
        return max((entry["id"] for entry in self.client.journal("telegram")), default=0)


def measure(wanted: Namespace, size: str, curves: Curves) -> dict[str, float]:
    """All figures of one size; into ``curves`` goes when each photo came."""
    print(f"{size} …", file=sys.stderr)
    with started(wanted, size) as (subject, start_s):
        subject.curves = curves
        figures = {"start": start_s}
        upstream(subject, 0.0)
        ask_alone(subject, 5)  # Everything is loaded and connected after this.
        figures |= subject.memory_mb("idle")
        figures |= alone(subject)
        figures |= steady(subject)
        subject.client.set_limits(flood="strict")
        figures |= burst(subject, 300, 0.0, "burst_300")
        if not wanted.quick:
            time.sleep(LIMIT_S)
            figures |= burst(subject, 300, SLOW_S, "slow_300")
            if size != "bare":  # Each picture takes two of the 30 messages a second there: more than a minute.
                time.sleep(LIMIT_S)
                figures |= burst(subject, 1000, SLOW_S, "slow_1000")
        figures["refused"] = sum(one["status"] == 429 for one in subject.client.journal("telegram"))
    return {name: round(value, 4) for name, value in figures.items()}


@contextmanager
def started(wanted: Namespace, size: str) -> Iterator[tuple[Subject, float]]:
    """Start one size with a message waiting for it; gives it, and the seconds until that message's answer."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        url = f"http://127.0.0.1:{wanted.port}"
        stack.enter_context(process("sandbox", "--port", str(wanted.port)))
        client = stack.enter_context(SandboxClient(url))
        until(lambda: client.call("GET", "/people") is not None)
        settings = environment(url, folder) | {"G2D_LOG_LEVEL": "ERROR"}
        if size == "distributed":
            settings |= {"DATABASE_URL": wanted.postgres, "REDIS_URL": wanted.redis}
            fresh(wanted.postgres, wanted.redis)
            subprocess.run([Path(sys.executable).parent / "g2d", "migrate"], env=settings, check=True)
        client.say(client.person("First"), "/help")
        began = time.monotonic()
        commands = {"bare": [], "embedded": ["run"], "distributed": ["bot", "worker"]}[size]
        ours = [stack.enter_context(process(command, environment=settings)) for command in commands]
        if size == "bare":
            ours = [subprocess.Popen([sys.executable, "-m", "benchmarks.bare_loop"], env=settings)]
            stack.callback(ours[0].kill)
        client.wait_for(lambda: client.journal("telegram", "sendMessage"), timeout_s=60, what="the first answer")
        yield Subject(client, ours), time.monotonic() - began


def upstream(subject: Subject, seconds: float) -> None:
    """Let Gemini and HuggingFace together take so many seconds for a picture."""
    subject.client.call("PUT", "/gemini/_sandbox", json={"latency_s": 0.3 * seconds})
    subject.client.call("PUT", "/router/_sandbox", json={"latency_s": 0.7 * seconds, "same_picture": True})


def ask_alone(subject: Subject, count: int) -> list[dict]:
    """Ask for pictures one after the other; gives the requests for photos that Telegram got."""
    photos = []
    for _ in range(count):
        time.sleep(APART_S)
        seen, person = subject.seen(), next(subject.people)
        subject.client.say(person, "/imagine a lighthouse at dusk")
        photos += subject.client.wait_for(
            lambda seen=seen: _taken(subject.client.journal("telegram", "sendPhoto", after=seen)), what="the photo"
        )
    return photos


def alone(subject: Subject) -> dict[str, float]:
    """One picture at a time, from services that answer at once."""
    before, seen = subject.cpu_s(), subject.seen()
    photos = ask_alone(subject, ALONE)
    used = subject.cpu_s() - before
    shown = {
        int(one["body"]["chat_id"]): one["at"]
        for one in reversed(subject.client.journal("telegram", "sendMessage", seen))
    }
    took = [1000 * (one["at"] - shown.get(int(one["body"]["chat_id"]), one["at"])) for one in photos]
    calls = Counter(one["path"].rpartition("/")[2] for one in subject.client.journal("telegram", after=seen))
    calls.pop("getUpdates")
    return {
        "alone_p50": _at(took, 0.5),
        "alone_max": max(took),
        "alone_cpu": 1000 * used / ALONE,
        "alone_calls": calls.total() / ALONE,
    }


def steady(subject: Subject) -> dict[str, float]:
    """Five requests a second, each from another person, for services that take a second."""
    upstream(subject, UPSTREAM_S)
    ask_alone(subject, 1)
    before, seen = subject.cpu_s(), subject.seen()
    asked: dict[int, float] = {}
    people = [next(subject.people) for _ in range(STEADY_PER_S * STEADY_S)]
    begin = time.monotonic()
    with SandboxClient(subject.client.url) as speaker:
        for number, person in enumerate(people):
            time.sleep(max(begin + number / STEADY_PER_S - time.monotonic(), 0))
            asked[person["id"]] = time.time()
            speaker.say(person, "/imagine a lighthouse at dusk")
    photos = _photos(subject, seen, len(people))
    added = [1000 * (one["at"] - asked[int(one["body"]["chat_id"])] - UPSTREAM_S) for one in photos]
    subject.curves["added"] = sorted(added)
    return {
        "added_p50": _at(added, 0.5),
        "added_p99": _at(added, 0.99),
        "steady_cpu": 1000 * (subject.cpu_s() - before) / len(people),
    }


def burst(subject: Subject, count: int, upstream_s: float, name: str) -> dict[str, float]:
    """So many people ask at the same moment."""
    upstream(subject, upstream_s)
    people = [next(subject.people) for _ in range(count)]
    before, seen, asked = subject.cpu_s(), subject.seen(), time.time()
    speakers = [threading.Thread(target=_say, args=(subject.client.url, people[part::4])) for part in range(4)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    photos = _photos(subject, seen, count)
    subject.curves[name] = sorted(one["done_at"] - asked for one in photos)
    last = subject.curves[name][-1]
    return {
        name: last,
        f"{name}_rate": count / last,
        f"{name}_cpu": 1000 * (subject.cpu_s() - before) / count,
    } | subject.memory_mb(name)


def _say(url: str, people: list[dict]) -> None:
    with SandboxClient(url) as client:
        for person in people:
            client.say(person, "/imagine a lighthouse at dusk")


def _photos(subject: Subject, seen: int, count: int) -> list[dict]:
    """The requests that brought so many photos, asking seldom: the sandbox shares the machine."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        photos = _taken(subject.client.journal("telegram", "sendPhoto", after=seen))
        if len(photos) >= count:
            return photos
        time.sleep(0.5)
    raise TimeoutError(f"{count} photos did not come within {PATIENCE_S} s")


def _taken(calls: list[dict]) -> list[dict]:
    return [one for one in calls if one["status"] == 200]


def count_round_trips(wanted: Namespace, size: str) -> Counter[str]:
    """What pictures cost in statements, transactions, Redis commands and calls to Telegram."""
    wanted.distributed = size == "distributed"
    with installed(wanted, counted=True) as made:
        subject = Subject(made.client, made.ours)
        upstream(subject, 0.0)
        ask_alone(subject, 5)
        before, seen = made.counts(), subject.seen()
        ask_alone(subject, COUNTED)
        made.client.wait_for(
            lambda: len(made.client.journal("telegram", "deleteMessage", seen)) >= COUNTED, what="the end"
        )
        counts = made.counts()
        counts.subtract(before)
        calls = Counter(one["path"].rpartition("/")[2] for one in made.client.journal("telegram", after=seen))
        calls.pop("getUpdates")
        counts["calls to Telegram"] = calls.total()
    return +counts + calls


@dataclass(frozen=True)
class Row:
    """A row of the table: figures by name, how they are written, and what they are to be at most (or at least)."""

    title: str
    names: tuple[str, ...]
    form: str
    target: str = ""

    def cell(self, figures: dict[str, float]) -> str:
        """What one subject has in this row; a dash where it was not measured."""
        is_measured = all(name in figures for name in self.names)
        return self.form.format(*(figures[name] for name in self.names)) if is_measured else "–"


ROWS = (
    Row(
        "added time at 5 requests/s, p50 / p99, ms",
        ("added_p50", "added_p99"),
        "{:.0f} / {:.0f}",
        "20 / 60, two processes 30 / 90",
    ),
    Row(
        "one picture, services at once: status to photo, p50 / longest of 20, ms",
        ("alone_p50", "alone_max"),
        "{:.0f} / {:.0f}",
        "15",
    ),
    Row("300 at once, services at once: pictures a second", ("burst_300_rate",), "{:.1f}", "27, at least"),
    Row("300 at once, services 10 s (20 s is the least): last photo, s", ("slow_300",), "{:.1f}", "21"),
    Row("1,000 at once, services 10 s (43 s is the least): last photo, s", ("slow_1000",), "{:.1f}", "46"),
    Row("CPU a picture, alone / in a burst of 300, ms", ("alone_cpu", "burst_300_cpu"), "{:.0f} / {:.0f}", "20 / 30"),
    Row("start to the first answer, s", ("start",), "{:.1f}", "1.2"),
    Row(
        "memory of the bot, or of all: idle / after 1,000 at once, MB",
        ("memory_idle_0", "memory_slow_1000_0"),
        "{:.0f} / {:.0f}",
        "130 / 220 (with 512)",
    ),
    Row(
        "memory of the worker: idle / after 1,000 at once, MB",
        ("memory_idle_1", "memory_slow_1000_1"),
        "{:.0f} / {:.0f}",
        "130 / 220 (with 512)",
    ),
    Row("calls to Telegram a picture", ("alone_calls",), "{:.1f}"),
    Row("calls refused by the strict flood limit", ("refused",), "{:.0f}", "0"),
)
# How much of a bare loop's figure ours is: of the figures that its calls alone decide.
RATIOS = (
    ("added time at 5 requests/s, p50", "added_p50"),
    ("300 at once, services at once: seconds to the last photo", "burst_300"),
    ("300 at once, services 10 s: seconds to the last photo", "slow_300"),
    ("CPU a picture, alone", "alone_cpu"),
    ("CPU a picture in a burst of 300", "burst_300_cpu"),
)


def write_table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as a table in Markdown, and below it how they compare with the bare loop's."""
    lines = [f"| figure | {' | '.join(figures)} | target |", f"|---|{'---|' * len(figures)}---|"]
    lines += [
        f"| {row.title} | {' | '.join(row.cell(one) for one in figures.values())} | {row.target} |" for row in ROWS
    ]
    bare = figures.get("bare")
    if bare is not None:
        ours = {size: one for size, one in figures.items() if size != "bare"}
        lines += ["", f"| times the bare loop's | {' | '.join(ours)} |", f"|---|{'---|' * len(ours)}"]
        lines += [
            f"| {title} | {' | '.join(f'{one[name] / bare[name]:.1f}' for one in ours.values())} |"
            for title, name in RATIOS
            if name in bare
        ]
    return "\n".join(lines)


def write_counts(counts: dict[str, Counter[str]]) -> str:
    """The round trips of a picture as a table in Markdown."""
    lines = [f"| a picture takes | {' | '.join(counts)} |", f"|---|{'---|' * len(counts)}"]
    for name in ("statements", "commits", "redis", "calls to Telegram"):
        title = "Redis commands" if name == "redis" else name
        lines.append(f"| {title} | {' | '.join(f'{one[name] / COUNTED:.1f}' for one in counts.values())} |")
    return "\n".join(lines)


def replace(page: Path, name: str, text: str) -> None:
    """Put text between the page's two marks of this name."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    page.write_text(f"{before}{start}{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def _where() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    return (
        f"Commit {commit.strip()}, Python {platform.python_version()}, {os.cpu_count()} cores, which load generator "
        f"and stand-ins share; load before the run {os.getloadavg()[0]:.1f}."
    )


def _at(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def _memory_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
