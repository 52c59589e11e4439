"""What a page of /history, a search and a removal cost one person with 10,000 pictures among a million of all people.

    .venv/bin/python -m benchmarks.history                       # a million pictures: some minutes, 2 GB of disk each
    .venv/bin/python -m benchmarks.history --pictures 100000 --kind sqlite

Makes databases of its own and removes them. The pictures are written with COPY in Postgres and ``executemany`` in
SQLite, with the terms that ``keep_terms`` would write. Prints milliseconds (p50 and p95 of the best of three runs, and
what Postgres itself says of a page in the middle) and Postgres' plans.
"""

import argparse
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import event, insert

from benchmarks.fair_queue import SERVER, database_on
from shared.history import Wanted
from shared.jobs import Parameters
from shared.migrations import migrate
from shared.store import tables
from shared.store.database import Database
from shared.store.history import History
from shared.store.picture_terms import all_terms

BOT, ADA, OTHERS = 4242, 7, 5_000  # the bot of benchmarks/installation.py
HERS = 10_000  # pictures
ROUNDS = 60
REPEATS = 3  # of which the best is told: others may use the machine
EXPLAINED = 15  # times a statement is explained, of which the median is told
TIME = re.compile(r"(?:Planning|Execution) Time: ([0-9.]+) ms")
BATCH = 20_000
FILES = ("AgACAgIAAxkBAAI",)  # ids of Telegram's, of which each picture has one
MODELS = [f"org/model-{number}" for number in range(12)]
SUBJECTS = ("fox", "owl", "whale", "lighthouse", "castle", "robot", "garden", "dragon", "ship", "city", "forest", "cat")
PLACES = ("snow", "storm", "desert", "night", "sunrise", "rain", "jungle", "space", "autumn", "fog", "harbour", "cave")
LOOKS = (
    *("oil painting", "dramatic light", "highly detailed", "cinematic composition", "soft shadows", "rich colours"),
    *("fine texture", "atmospheric depth", "volumetric fog", "35mm photograph", "sharp focus", "wide angle"),
)
CHINESE = ["一只红色狐狸在雪中", "海边的灯塔", "太空中的城市"]
COLUMNS = (
    *("id", "bot_id", "chat_id", "message_id", "private", "request_key", "number", "pictures", "user_id", "language"),
    *("idea", "parameters", "owner_pays", "state", "stage", "turn", "prompt", "title", "image_model", "image_key"),
    *("media_type", "recipe", "created_at", "ended_at", "delivered_at", "delivered_message_id", "file_id"),
)
Row = dict[str, object]


def picture(number: int, rng: random.Random, share: float, files: Sequence[str]) -> tuple[Row, list[str]]:
    """A finished picture and its terms; ``share`` of all are Ada's."""
    user_id = ADA if rng.random() < share else 1_000 + rng.randrange(OTHERS)
    subject, place = rng.choice(SUBJECTS), rng.choice(PLACES)
    idea = rng.choice(CHINESE) if rng.random() < 0.1 else f"a {subject} in the {place}"
    prompt = f"{subject} {number % 997} in {place}, {', '.join(rng.sample(LOOKS, 8))}, {rng.choice(PLACES)}"
    title = f"{subject} in {place}"
    model, now = rng.choice(MODELS), datetime.now(UTC)
    recipe = {"model": model, "provider": "fal-ai", "prompt": prompt, "seed": number}
    row: Row = {
        "id": number, "bot_id": BOT, "chat_id": user_id, "message_id": number, "private": True,
        "request_key": str(number), "number": 0, "pictures": 1, "user_id": user_id, "language": "en", "idea": idea,
        "parameters": asdict(Parameters()), "owner_pays": True, "state": "finished", "stage": "sending", "turn": number,
        "prompt": prompt, "title": title, "image_model": model, "image_key": f"{number}.jpg",
        "media_type": "image/jpeg", "recipe": recipe, "created_at": now, "ended_at": now, "delivered_at": now,
        "delivered_message_id": number, "file_id": files[number % len(files)],
    }  # fmt: skip
    return row, all_terms(user_id, user_id, True, model, idea, title, prompt)


def batches(pictures: int, files: Sequence[str]) -> Iterator[list[tuple[Row, list[str]]]]:
    """All pictures, some at a time, the same in each run."""
    rng, share = random.Random(1), HERS / pictures
    for first in range(1, pictures + 1, BATCH):
        yield [picture(number, rng, share, files) for number in range(first, min(first + BATCH, pictures + 1))]


def fill_postgres(database: Database, pictures: int, files: Sequence[str] = FILES) -> None:
    """Write the pictures with COPY; the index of terms is made afterwards, as by a migration."""
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        connection.execute("DROP INDEX picture_terms_index")
        for rows in batches(pictures, files):
            with connection.cursor().copy(f"COPY jobs ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for row, _ in rows:
                    values = (row[name] for name in COLUMNS)
                    copy.write_row([json.dumps(one) if isinstance(one, dict) else one for one in values])
            with connection.cursor().copy("COPY picture_terms (job_id, terms) FROM STDIN") as copy:
                for row, terms in rows:
                    copy.write_row([row["id"], " ".join(f"'{term}'" for term in terms)])
        connection.execute("CREATE INDEX picture_terms_index ON picture_terms USING gin (terms)")
        connection.execute("VACUUM ANALYZE jobs, picture_terms")


def fill_sqlite(database: Database, pictures: int, files: Sequence[str] = FILES) -> None:
    """Write the pictures with ``executemany``."""
    for rows in batches(pictures, files):
        with database.writing() as connection:
            connection.execute(insert(tables.jobs), [row for row, _ in rows])
            connection.execute(
                insert(tables.picture_terms), [{"job_id": row["id"], "terms": terms} for row, terms in rows]
            )


def measured(act: Callable[[int], object]) -> tuple[float, float]:
    """Milliseconds, p50 and p95."""
    times = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        act(number)
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def measure(database: Database, pictures: int) -> None:
    """Print the cost of each kind of page, and Postgres' query plan."""
    history, hers, step = History(database, BOT), Wanted(BOT, ADA), pictures // (ROUNDS + 1)
    for job in history.page(hers, before=pictures // 2, limit=40):
        history.set_favourite(ADA, job.id, is_one=True)
    kinds = {
        "newest": hers,
        "of a model": replace(hers, model=MODELS[3]),
        "of a model never used": replace(hers, model="org/none"),
        "favourites": replace(hers, favourites=True),
        "a word in 1 of 12": replace(hers, search="fox"),
        "a word in 9 of 10": replace(hers, search="in"),
        "beginnings of most": replace(hers, search="so"),
        "two words": replace(hers, search="lighthouse storm"),
        "one of a thousand": replace(hers, search="123"),
        "in Chinese": replace(hers, search="狐狸"),
        "found nowhere": replace(hers, search="zeppelin"),
        "a word among favourites": replace(hers, search="fog", favourites=True),
    }
    print(f"{'':<26}{'p50':>9}{'p95':>9}{'plans':>9}")
    for name, wanted in kinds.items():
        turn = partial(history.page, wanted, limit=10)
        cost = min(measured(lambda number, turn=turn: turn(before=pictures - number * step)) for _ in range(REPEATS))  # type: ignore[misc]
        plans = "" if database.is_sqlite else f"{executed_ms(database, turn, pictures):>7.1f}ms"
        print(f"{name:<26}{cost[0]:>7.1f}ms{cost[1]:>7.1f}ms{plans}", flush=True)
    models = measured(lambda _: history.models(hers))
    print(f"{'models for the filter':<26}{models[0]:>7.1f}ms{models[1]:>7.1f}ms")
    if not database.is_sqlite:
        for name in ("newest", "a word in 1 of 12", "one of a thousand"):
            for plans in plans_of(database, partial(history.page, kinds[name], before=pictures, limit=10)):
                print(f"\n{name}\n{plans[-1]}")


def plans_of(database: Database, turn: Callable[[], object]) -> list[list[str]]:
    """Postgres' plans of all that a page reads, with times: for each statement some."""
    seen: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, values: object, *___: object) -> None:
        seen.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    turn()
    event.remove(database.engine, "before_cursor_execute", note)
    with psycopg.connect(database.conninfo) as connection:
        return [[_explained(connection, *one) for _ in range(EXPLAINED)] for one in seen]


def _explained(connection: psycopg.Connection, statement: str, values: object) -> str:
    rows = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", values)  # type: ignore[arg-type]
    return "\n".join(row[0] for row in rows)


def executed_ms(database: Database, turn: Callable[..., object], pictures: int) -> float:
    """What Postgres says that it planned and worked for a page in the middle: of each statement the median."""
    plans = plans_of(database, partial(turn, before=pictures // 2))
    return sum(statistics.median(sum(map(float, TIME.findall(one))) for one in some) for some in plans)


@contextmanager
def sqlite_database() -> Iterator[Database]:
    """A file that goes away."""
    with tempfile.TemporaryDirectory() as folder, Database(f"sqlite:///{Path(folder) / 'g2d.db'}") as database:
        migrate(database)
        yield database


def main() -> None:
    """Measure the databases that the arguments name."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    arguments.add_argument("--pictures", type=int, default=1_000_000)
    arguments.add_argument("--kind", choices=("postgres", "sqlite"))
    given = arguments.parse_args()
    for kind, opened, fill in (
        ("postgres", partial(database_on, SERVER), fill_postgres),
        ("sqlite", sqlite_database, fill_sqlite),
    ):
        if given.kind not in {None, kind}:
            continue
        with opened() as database:
            began = time.monotonic()
            fill(database, given.pictures)
            print(f"\n{kind}: {given.pictures:,} pictures, written in {time.monotonic() - began:.0f} s")
            measure(database, given.pictures)


if __name__ == "__main__":
    main()
