"""What the common steps cost with a thousand, a hundred thousand and a million pictures in the record.

    .venv/bin/python -m benchmarks.growth                    # a million pictures in each database, gone afterwards
    .venv/bin/python -m benchmarks.growth --kind sqlite

Nine of ten pictures were finished within the last year, the others wait in the line; one in a hundred is Ada's, who
asks for one more, opens her /history and turns to its middle; an owner opens /stats. Milliseconds, median and 95th
percentile. The database itself writes the pictures: asking a million times takes an hour.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import text

from benchmarks.fair_queue import SERVER, database_on
from shared.history import Wanted
from shared.jobs import Address, Parameters, Request, Sender
from shared.migrations import migrate
from shared.store.database import Database
from shared.store.history import History
from shared.store.jobs import Jobs
from shared.store.stats import read_stats
from shared.store.turns import Turns

BOT, ADA = 4242, 7
KINDS = ("postgres", "sqlite")
SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 40
WAITING_EVERY = 10  # pictures, of which one waits
OF_ADA_EVERY = 100
ASKING = range(10**6, 10**9)  # message numbers that no picture in the record has
SERIES = {
    "postgresql": "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS number",
    "sqlite": "(WITH RECURSIVE series(number) AS (SELECT :first UNION ALL "
    "SELECT number + 1 FROM series WHERE number < :last) SELECT number FROM series)",
}
DAYS_AGO = {
    "postgresql": "now() - number % 365 * INTERVAL '1 day'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || (number % 365) || ' days')",
}
JSON = {"postgresql": "CAST(:parameters AS jsonb)", "sqlite": ":parameters"}
JOBS = """
    INSERT INTO jobs (bot_id, chat_id, message_id, private, request_key, number, pictures, user_id, language, idea,
                      parameters, owner_pays, state, stage, turn, prompt, image_model, image_key, media_type,
                      created_at, started_at, ended_at, delivered_at, delivered_message_id)
    SELECT :bot, person, number, true, number, 0, 1, person, 'en', 'a lighthouse', {json}, true,
           CASE WHEN waits THEN 'queued' ELSE 'finished' END, CASE WHEN waits THEN 'queued' ELSE 'sending' END,
           number, CASE WHEN waits THEN NULL ELSE 'a lighthouse in a storm' END, 'org/model',
           CASE WHEN waits THEN NULL ELSE number || '.jpg' END, 'image/jpeg', at,
           CASE WHEN waits THEN NULL ELSE at END, CASE WHEN waits THEN NULL ELSE at END,
           CASE WHEN waits THEN NULL ELSE at END, CASE WHEN waits THEN NULL ELSE number END
    FROM (SELECT number, number % :waiting_every = 0 AS waits, {ago} AS at,
                 CASE WHEN number % :of_ada_every = 1 THEN :ada ELSE 1000 + number % 5000 END AS person
          FROM {series}) AS made
"""
ATTEMPTS = """
    INSERT INTO attempts (job_id, step, service, model, status, duration_ms, outcome, at, user_id, pictures, cost)
    SELECT number, 'image', 'fal-ai', 'org/model', 200, 6400, 'ok', {ago}, 1000 + number % 5000, 1, 3000
    FROM {series}
"""

Cost = tuple[float, float]  # milliseconds: median, 95th percentile


def main() -> None:
    """Measure the databases that the arguments name, and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kind", choices=KINDS)
    kind = parser.parse_args().kind
    for name in KINDS if kind is None else (kind,):
        print(write_table({name: measure_growth(name)}))


def measure_growth(kind: str) -> dict[int, dict[str, Cost]]:
    """Fill a database of one kind step by step; gives the cost of each step at each size."""
    with database_on(SERVER) if kind == "postgres" else _file() as database:
        found, first = {}, 1
        for size in SIZES:
            _fill(database, first, size)
            found[size], first = _costs(database, size), size + 1
        return found


def write_table(growth: Mapping[str, Mapping[int, Mapping[str, Cost]]]) -> str:
    """The costs as a table in Markdown, a row for each step and kind of database."""
    lines = [
        f"| ms, median / p95 | {' | '.join(f'{size:,} pictures' for size in SIZES)} |",
        f"|---|{'---|' * len(SIZES)}",
    ]
    for kind, sizes in growth.items():
        for step in sizes[SIZES[0]]:
            cells = [f"{median:.1f} / {most:.1f}" for median, most in (sizes[size][step] for size in SIZES)]
            lines.append(f"| {step}, {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _costs(database: Database, size: int) -> dict[str, Cost]:
    jobs, history, hers = Jobs(database), History(database, BOT), Wanted(BOT, ADA)
    turns = Turns(database, lease=timedelta(hours=1), deadline=timedelta(hours=1))
    numbers = iter(ASKING[size:])

    def submit() -> None:
        number = next(numbers)
        jobs.submit(Request("a fox in the snow"), address=Address(BOT, number, number), sender=Sender(number))

    return {
        "submit": _time(submit),
        "claim": _time(lambda: turns.claim_next("worker")),
        "newest page of /history": _time(partial(history.page, hers, limit=10)),
        "a page in its middle": _time(partial(history.page, hers, before=size // 2, limit=10)),
        "/stats of 30 days": _time(partial(read_stats, database, 30), rounds=5),
    }


def _time(act: Callable[[], object], rounds: int = ROUNDS) -> Cost:
    act()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(1_000 * (time.perf_counter() - began))
    return statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]


def _fill(database: Database, first: int, last: int) -> None:
    dialect = database.engine.dialect.name
    values = {
        "first": first, "last": last, "bot": BOT, "ada": ADA, "of_ada_every": OF_ADA_EVERY,
        "waiting_every": WAITING_EVERY, "parameters": json.dumps(asdict(Parameters())),
    }  # fmt: skip
    parts = {"series": SERIES[dialect], "ago": DAYS_AGO[dialect], "json": JSON[dialect]}
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in (JOBS, ATTEMPTS):
            connection.execute(text(statement.format_map(parts)), values)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE jobs, attempts"))


@contextmanager
def _file() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder, Database(f"sqlite:///{Path(folder) / 'g2d.db'}") as database:
        migrate(database)
        yield database


if __name__ == "__main__":
    main()
