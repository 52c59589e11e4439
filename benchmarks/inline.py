"""How fast inline queries are answered at 50 a second, by a person with 10,000 pictures among 100,000.

    .venv/bin/python -m benchmarks.inline                # g2d run: SQLite, one process
    .venv/bin/python -m benchmarks.inline --distributed  # g2d bot, one g2d worker, Postgres, Redis

Prints milliseconds from a query's arrival at Telegram to the answer there: from the sandbox, over the bot's poll, the
record and back. Half of the queries find pictures, the others lead to a new one.
"""

import itertools
import statistics
import sys
import threading
import time

from benchmarks.history import ADA, fill_postgres, fill_sqlite
from benchmarks.installation import installed, options
from sandbox.client import SandboxClient
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
PEOPLE = 200
LIMIT_MS = 300.0


def main() -> None:
    """Measure, and print a line."""
    arguments = options(__doc__)
    arguments.add_argument("--pictures", type=int, default=100_000)
    arguments.add_argument("--rate", type=int, default=50, help="queries a second")
    arguments.add_argument("--seconds", type=int, default=20)
    wanted = arguments.parse_args()
    with installed(wanted) as made:
        with Database(made.database_url) as database:
            (fill_sqlite if database.is_sqlite else fill_postgres)(database, wanted.pictures)
        print(f"{wanted.pictures:,} pictures are there", flush=True)
        sys.exit(not _measure(made.client, rate=wanted.rate, seconds=wanted.seconds))


def _measure(client: SandboxClient, *, rate: int, seconds: int) -> bool:
    people = [client.call("POST", "/people", json={"id": ADA, "first_name": "Ada"})]
    people += [client.person(f"Person {number}") for number in range(PEOPLE)]
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
    answered = {
        str(entry["body"]["inline_query_id"]): entry["done_at"]
        for entry in client.journal("telegram", "answerInlineQuery$", after=seen)
        if entry["status"] == 200
    }
    times = sorted((at - asked[query]) * 1_000 for query, at in answered.items() if query in asked)
    half, most = statistics.median(times), times[int(len(times) * 0.95)]
    print(
        f"{len(times)} of {len(asked)} queries answered; p50 {half:.0f} ms, p95 {most:.0f} ms, most {times[-1]:.0f} ms"
    )
    return len(times) == len(asked) and most <= LIMIT_MS


def _ask(url: str, people: list, asked: dict[str, float], rate: float, seconds: int, number: int) -> None:
    words, who = itertools.cycle(WORDS), itertools.cycle(people[number::SPEAKERS] + people[:1])
    with SandboxClient(url) as client:
        began = time.monotonic()
        for turn in range(int(rate * seconds)):
            time.sleep(max(0.0, began + turn / rate - time.monotonic()))
            at = time.time()
            asked[client.ask_inline(next(who), next(words))] = at


if __name__ == "__main__":
    main()
