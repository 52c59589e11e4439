"""How fast inline queries are answered at 50 a second, by people with pictures among 100,000, one of whom has 10,000.

    .venv/bin/python -m benchmarks.inline                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.inline --distributed  # g2d bot, one g2d worker, Postgres, Redis
    .venv/bin/python -m benchmarks.inline --count        # what a query takes in statements, and no times

Prints milliseconds from a query's arrival at Telegram to the answer there, from the sandbox over the bot's poll and
back, and the CPU that our processes took meanwhile. About half of the queries find pictures, the others lead to a new
one.
"""

import io
import itertools
import os
import random
import statistics
import sys
import threading
import time

from PIL import Image

from benchmarks.history import ADA, fill_postgres, fill_sqlite
from benchmarks.installation import TOKEN, Installed, installed, options
from sandbox.client import Json, SandboxClient
from shared.store.database import Database

WORDS = (
    "fox",
    "lighthouse storm",
    "",
    "一只",
    "so",
    "zeppelin",
    "blue whale on mars",
    "qqq",
    "night",
    "an unpainted idea",
)
SPEAKERS = 10
PEOPLE = range(1_000, 1_200)  # of those in ``benchmarks.history``
FILES = 40  # twice what a page holds
LIMIT_MS = 300.0


def main() -> None:
    """Measure, and print."""
    arguments = options(__doc__)
    arguments.add_argument("--pictures", type=int, default=100_000)
    arguments.add_argument("--rate", type=int, default=50, help="queries a second")
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--count", action="store_true", help="print statements a query, and no times")
    wanted = arguments.parse_args()
    with installed(wanted, counted=wanted.count) as made:
        people = [made.client.call("POST", "/people", json={"id": one, "first_name": "Ada"}) for one in (ADA, *PEOPLE)]
        files = _files_in_telegram(made.client, people[0])
        with Database(made.database_url) as database:
            (fill_sqlite if database.is_sqlite else fill_postgres)(database, wanted.pictures, files)
        print(f"{wanted.pictures:,} pictures are there", flush=True)
        _ask_all(made.client, people, rate=wanted.rate, seconds=1)  # Everything is loaded and connected after this.
        if wanted.count:
            _count(made, people, rate=wanted.rate, seconds=wanted.seconds)
        else:
            sys.exit(not _measure(made, people, rate=wanted.rate, seconds=wanted.seconds))


def _files_in_telegram(client: SandboxClient, person: Json) -> list[str]:
    """The ids of photos that the bot has sent: of other files no result can be made."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "orange").save(picture, "PNG")
    group = client.group(person)
    path, photo = f"/telegram/bot{TOKEN}/sendPhoto", ("a.png", picture.getvalue())
    sent = [client.call("POST", path, fields={"chat_id": group["id"], "photo": photo}) for _ in range(FILES)]
    return [one["result"]["photo"][-1]["file_id"] for one in sent]


def _measure(made: Installed, people: list[Json], *, rate: int, seconds: int) -> bool:
    used_before_s = made.cpu_s()
    asked, entries = _ask_all(made.client, people, rate=rate, seconds=seconds)
    used_ms = (made.cpu_s() - used_before_s) * 1_000
    answered = [one for one in entries if one["status"] == 200 and one["body"]["inline_query_id"] in asked]
    times = sorted((entry["done_at"] - asked[entry["body"]["inline_query_id"]]) * 1_000 for entry in answered)
    found = sum(entry["body"].get("results", "[]") != "[]" for entry in answered)
    half, most = statistics.median(times), times[int(len(times) * 0.95)]
    print(f"{len(times)} of {len(asked)} queries answered, {found} with pictures; load {os.getloadavg()[0]:.1f}")
    print(f"p50 {half:.0f} ms, p95 {most:.0f} ms, most {times[-1]:.0f} ms; CPU {used_ms / len(asked):.1f} ms a query")
    return len(times) == len(asked) and most <= LIMIT_MS


def _count(made: Installed, people: list[Json], *, rate: int, seconds: int) -> None:
    before = made.counts()
    asked, _ = _ask_all(made.client, people, rate=rate, seconds=seconds)
    counts = made.counts()
    counts.subtract(before)
    for name, count in (+counts).most_common():
        print(f"{count / len(asked):6.2f}  {name}")


def _ask_all(
    client: SandboxClient, people: list[Json], *, rate: int, seconds: int
) -> tuple[dict[str, float], list[Json]]:
    """Ask for so long; returns when each query was asked, and the answers that Telegram got."""
    seen = max((entry["id"] for entry in client.journal("telegram")), default=0)
    asked: dict[str, float] = {}
    threads = [
        threading.Thread(target=_ask, args=(client.url, people, asked, rate / SPEAKERS, seconds, number))
        for number in range(SPEAKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(2)
    return asked, client.journal("telegram", "answerInlineQuery$", after=seen)


def _ask(url: str, people: list[Json], asked: dict[str, float], rate: float, seconds: int, number: int) -> None:
    """Ask as a tenth of the people, and once in each round as Ada, with pauses as between people who act by chance."""
    ada, *others = people
    words, who = itertools.cycle(WORDS), itertools.cycle([*others[number::SPEAKERS], ada])
    pauses = random.Random(number)
    with SandboxClient(url) as client:
        began, at_s = time.monotonic(), 0.0
        while (at_s := at_s + pauses.expovariate(rate)) < seconds:
            time.sleep(max(0.0, began + at_s - time.monotonic()))
            at = time.time()
            asked[client.ask_inline(next(who), next(words))] = at


if __name__ == "__main__":
    main()
