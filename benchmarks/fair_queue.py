"""What a turn costs while a thousand or a million pictures wait, what a picture leaves behind, and who waits how long.

    .venv/bin/python -m benchmarks.fair_queue                          # a million jobs: some minutes, 2 GB of disk
    .venv/bin/python -m benchmarks.fair_queue --jobs 20000 --people 2000
    .venv/bin/python -m benchmarks.fair_queue --jobs 0 --redis redis://127.0.0.1:6379/13   # emptied before

Makes a database of its own and removes it. Claims are those of ``shared/store/turns.py``; the jobs that wait are
written by one INSERT … SELECT with the rule of ``FairQueue.find_places``, for asking a million times takes an hour. The
waits come from a model of the line without a database (``benchmarks/line_model.py``).
"""

import argparse
import json
import os
import signal
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from benchmarks.line_model import Crowd, Model, fairness
from shared.celery_tickets import TASK, CeleryTickets, make_celery
from shared.jobs import Address, Attempt, Parameters, Prompt, Recipe, Request, Sender, Writing
from shared.migrations import migrate
from shared.queue_policy import Flow, QueuePolicy
from shared.status_messages import Work
from shared.store.database import Database
from shared.store.fair_queue import NOTHING_YET, virtual_time
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from shared.store.status_messages import StatusMessages
from shared.store.turns import ALL, Turns
from shared.store.updates import RawUpdate, Updates

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
FEW = 1_000  # queued jobs that the many are compared with
THREADS = 8
CLAIMS, ROUNDS = 50, 6  # between two rounds the jobs are given back
PLACES = 15
IN_BATCHES = 10  # one person in so many asks in batches
BOT = 42
IDEA = "a lighthouse on a cliff in a storm, seen from the sea"
PROMPT = Prompt(
    "A weathered white lighthouse on a jagged cliff in a violent storm, seen from a small boat on the open sea, "
    "towering waves, spray in the beam of light, dramatic dark clouds, cinematic lighting, a detailed oil painting",
    negative="blurry, low quality, text",
    title="Lighthouse in a storm",
    model="gemini-3.8-flash",
)

FILL = text("""
    INSERT INTO jobs (bot_id, chat_id, message_id, private, request_key, number, pictures, user_id, language, idea,
                      parameters, writing, batch_id, state, stage, turn, created_at)
    SELECT :bot, person, number, true, 'm' || place, 0, 1, person, 'en', :idea, CAST(:parameters AS jsonb),
           CAST(:writing AS jsonb),
           CASE WHEN in_batch THEN person END, 'queued', 'queued',
           greatest(:now + number * cost, :first + number * cost + CASE WHEN in_batch THEN cost ELSE :alone END), now()
    FROM (SELECT place, place % :people + 1 AS person, place / :people AS number,
                 (place % :people + 1) % :in_batches = 0 AS in_batch,
                 CASE WHEN (place % :people + 1) % :in_batches = 0 THEN :batch ELSE :alone END AS cost
          FROM generate_series(0, CAST(:jobs AS bigint) - 1) AS place) AS asked
""")

KNOW = text("""
    INSERT INTO users (id, language, last_turn, last_batch_turn, created_at)
    SELECT user_id, 'en', coalesce(max(turn) FILTER (WHERE batch_id IS NULL), -1),
           coalesce(max(turn) FILTER (WHERE batch_id IS NOT NULL), -1), now() FROM jobs GROUP BY user_id
    ON CONFLICT (id) DO UPDATE SET last_turn = excluded.last_turn, last_batch_turn = excluded.last_batch_turn
""")


# In which order the whole line would be served, were nobody to come any more: claims take the lowest (turn, id).
SERVED = """
    WITH served AS (
        SELECT user_id, batch_id IS NOT NULL AS in_batch, row_number() OVER (ORDER BY turn, id) AS place
        FROM jobs WHERE state = 'queued'
    )
"""
FIRST_PICTURES = text(
    SERVED
    + """, firsts AS (SELECT user_id, in_batch, min(place) AS place FROM served GROUP BY 1, 2)
    SELECT in_batch, count(*) AS people, max(place) AS last,
           percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY place) AS places
    FROM firsts GROUP BY in_batch ORDER BY in_batch
"""
)
TURNS_HAD = text(
    SERVED
    + """, had AS (
        SELECT user_id, count(*) FILTER (WHERE place <= :served) * CASE WHEN in_batch THEN :batch ELSE :alone END
            AS turns
        FROM served GROUP BY user_id, in_batch
    )
    SELECT sum(turns) ^ 2 / (count(*) * sum(turns ^ 2)) FROM had
"""
)


def main() -> None:
    """Measure what was asked for, and print tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--jobs", type=int, default=1_000_000, help="0: measure no claims")
    arguments.add_argument("--people", type=int, default=100_000)
    arguments.add_argument("--pictures", type=int, default=1_000, help="taken through all steps, for their rows")
    arguments.add_argument("--postgres", default=SERVER, help="a server where databases may be created")
    arguments.add_argument("--redis", help="a database of Redis, emptied: count what a ticket takes there")
    wanted = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # The database is to go then, too.
    if wanted.jobs:
        with database_on(wanted.postgres) as few, database_on(wanted.postgres) as many:
            _claims(few, many, wanted.jobs, wanted.people)
    with database_on(wanted.postgres) as database:
        _rows(database, wanted.pictures)
    if wanted.redis:
        _tickets(wanted.redis)
    _waits(Crowd())


# What a claim costs


def _claims(few: Database, many: Database, jobs: int, people: int) -> None:
    _fill(few, min(FEW, jobs), people)
    began = time.monotonic()
    _fill(many, jobs, people)
    with many.reading() as connection:
        size = connection.scalar(text("SELECT pg_total_relation_size('jobs')"))
    print(f"{jobs:,} jobs written in {time.monotonic() - began:.0f} s, {size / jobs:,.0f} bytes each, indexes included")
    found = _measure(few, many)
    print(f"\na claim, ms: median / p95{'':24}{min(FEW, jobs):>17,} queued {jobs:>14,} queued      ratio")
    for name, samples in found.items():
        (a, b), (c, d) = (_middle(one) for one in samples)
        print(f"  {name:<52} {a:7.2f} / {b:6.2f} {c:11.2f} / {d:6.2f} {c / a:8.2f} / {d / b:.2f}")
    with many.writing() as connection:
        _order(connection, jobs)


def _order(connection: Connection, jobs: int) -> None:
    """Print who would have the first turns of the whole line, and how evenly."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    print("\nthe first picture of each person comes after so many claims: p50 / p90 / p95 / p99 / the last")
    for row in connection.execute(FIRST_PICTURES):
        places = " / ".join(f"{place:,}" for place in (*row.places, row.last))
        print(f"  {row.people:>7,} people {'with batches' if row.in_batch else 'without':<13} {places}")
    policy = QueuePolicy()
    costs = {"alone": policy.cost(0, Flow.PICTURES), "batch": policy.cost(0, Flow.BATCHES)}
    for served in (jobs // 4, jobs // 2):
        index = connection.scalar(TURNS_HAD, {"served": served, **costs})
        print(f"  Jain's index of the turns that all people had in the first {served:,} claims: {index:.3f}")


def _fill(database: Database, jobs: int, people: int) -> None:
    policy = QueuePolicy()
    with database.writing() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        values = {
            "bot": BOT,
            "idea": IDEA,
            "parameters": json.dumps(asdict(Parameters())),
            "writing": json.dumps(asdict(Writing())),
            "people": people,
            "in_batches": IN_BATCHES,
            "alone": policy.cost(0, Flow.PICTURES),
            "batch": policy.cost(0, Flow.BATCHES),
            "now": virtual_time(connection),
            "first": NOTHING_YET,
            "jobs": jobs,
        }
        connection.execute(FILL, values)
        connection.execute(KNOW)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE) jobs"))
        connection.execute(text("ANALYZE users"))
    database.close()  # A connection goes back to the pool with its statement_timeout otherwise.


def _measure(few: Database, many: Database) -> dict[str, tuple[list[float], list[float]]]:
    """Milliseconds of claims in both, by turns: by themselves and side by side, with and without waiting for the disk.

    Whatever else the machine does meanwhile slows down both alike.
    """
    found = {}
    for commits, setting in (("", "on"), (", disk not waited for", "off")):
        for database in (few, many):
            _set_commits(database, setting)
        for threads in (1, THREADS):
            for alone in (False, True):
                name = f"{threads} at a time{', none of a batch' if alone else ''}{commits}"
                found[name] = _time_claims(few, many, threads=threads, alone=alone)
    places = [(_time_place(few), _time_place(many)) for _ in range(PLACES)]
    found["no claim: the place of the last in the line"] = [a for a, _ in places], [b for _, b in places]
    return found


def _set_commits(database: Database, setting: str) -> None:
    with database.writing() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = {setting}'))
    database.close()  # It holds for new connections.


def _time_claims(few: Database, many: Database, *, threads: int, alone: bool) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = [], []
    lines = [Turns(database, lease=timedelta(hours=1), deadline=timedelta(hours=1)) for database in (few, many)]
    with ThreadPoolExecutor(threads) as pool:
        for turns in lines:
            list(pool.map(partial(_claim_ms, turns, alone), range(10 * threads)))  # Connects, prepares statements.
        for _ in range(ROUNDS):
            for turns, samples in zip(lines, found, strict=True):
                samples.extend(pool.map(partial(_claim_ms, turns, alone), range(CLAIMS)))
                turns.release(None)
    return found


def _claim_ms(turns: Turns, alone: bool, number: int) -> float:
    began = time.perf_counter()
    job = turns.claim_next(f"worker-{number}", flows={Flow.PICTURES} if alone else ALL)
    took = 1_000 * (time.perf_counter() - began)
    if job is None:
        raise RuntimeError("the queue ran empty")
    return took


def _time_place(database: Database) -> float:
    with database.reading() as connection:
        last = connection.scalar(text("SELECT id FROM jobs WHERE state = 'queued' ORDER BY turn DESC, id DESC LIMIT 1"))
    began = time.perf_counter()
    Jobs(database).position(last)
    return 1_000 * (time.perf_counter() - began)


def _middle(samples: list[float]) -> tuple[float, float]:
    return statistics.median(samples), statistics.quantiles(samples, n=20)[-1]


# What a picture leaves behind


def _rows(database: Database, pictures: int) -> None:
    _set_commits(database, "off")  # Rows are as large, and written sooner.
    jobs, outbox, updates = Jobs(database), Outbox(database), Updates(database, BOT)
    turns = Turns(database, lease=timedelta(hours=1), deadline=timedelta(hours=1))
    for number in range(1, pictures + 1):
        updates.keep([RawUpdate(number, json.dumps(_update(number), separators=(",", ":")))])
        jobs.submit(Request(IDEA), address=Address(BOT, number, number), sender=Sender(number))
        updates.handled([number])
        job = turns.claim_next("worker")
        assert job is not None
        StatusMessages(database).sent(Work.JOB, job.id, number, "queued")
        asked = Attempt("prompt", "gemini", "gemini-3.8-flash", 2_100, status=200, request_id=uuid.uuid4().hex)
        jobs.keep_prompt(job, PROMPT, [asked])
        painted = Attempt("image", "fal-ai", "org/some-model", 6_400, status=200, request_id=uuid.uuid4().hex)
        recipe = Recipe("org/some-model", "fal-ai", PROMPT.text, PROMPT.negative, seed=number, width=1024, height=1024)
        jobs.finish(job, recipe, image_key=f"000000/{job.id}-{uuid.uuid4().hex}.jpg", media_type="image/jpeg",
                    attempts=[painted])  # fmt: skip
        outbox.claim(BOT, limit=1)
        outbox.delivered(job.id, message_id=number, file_id="A" * 80, removed=number)
    print(f"\nwhat a delivered picture leaves in Postgres ({pictures:,} taken through all steps, one a person)")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))
    with database.writing() as connection:
        sizes = {table: _size(connection, table) for table in ("jobs", "stages", "attempts", "updates", "users")}
    for table, (rows, size) in sizes.items():
        print(f"  {table:<10} {rows / pictures:4.1f} rows {size / pictures:8,.0f} bytes, indexes included")
    print(f"  together   {sum(rows for rows, _ in sizes.values()) / pictures:4.1f} rows "
          f"{sum(size for _, size in sizes.values()) / pictures:8,.0f} bytes")  # fmt: skip


def _size(connection: Connection, table: str) -> tuple[int, int]:
    row = connection.execute(text(f"SELECT count(*), pg_total_relation_size('{table}') FROM {table}")).one()
    return row[0], row[1]


def _update(number: int) -> dict[str, Any]:
    person = {"id": number, "is_bot": False, "first_name": "Ada", "username": f"ada{number}", "language_code": "en"}
    chat = {"id": number, "first_name": "Ada", "username": f"ada{number}", "type": "private"}
    message = {
        "message_id": number,
        "from": person,
        "chat": chat,
        "date": 1_790_000_000 + number,
        "text": f"/imagine {IDEA}",
        "entities": [{"offset": 0, "length": 8, "type": "bot_command"}],
    }
    return {"update_id": number, "message": message}


# What a ticket takes in Redis


def _tickets(url: str, count: int = 500) -> None:
    """Send tickets to a real consumer, and count what Redis is told on this database."""
    import redis
    from celery.worker import state as celery_state

    server = redis.Redis.from_url(url)
    server.flushdb()
    app = make_celery(url)
    taken, all_taken = iter(range(1, count + 1)), threading.Event()

    def take() -> None:
        if next(taken) == count:
            all_taken.set()

    app.task(name=TASK, shared=False, ignore_result=True)(take)
    app.set_default()
    controller = app.WorkController(
        pool="threads", concurrency=8, hostname="benchmark", without_gossip=True, without_mingle=True,
        without_heartbeat=True,
    )  # fmt: skip
    consumer = threading.Thread(target=controller.start, daemon=True)
    number, told = server.connection_pool.connection_kwargs["db"], 0
    with server.monitor() as monitor:
        consumer.start()
        CeleryTickets(app).send(count)
        if not all_taken.wait(60):
            raise RuntimeError("tickets were not taken")
        server.echo("the end")
        for command in monitor.listen():
            told += command["db"] == number
            if command["command"].startswith("ECHO"):
                break
    celery_state.should_stop = os.EX_OK
    consumer.join(10)
    print(f"\na ticket takes {told / count:.1f} commands of Redis, those inside transactions included")
    server.flushdb()


# Who waits how long


def _waits(crowd: Crowd, window_s: float = 600.0) -> None:
    print(f"\n{crowd.slots} slots, {crowd.picture_s:.0f} s a picture, {crowd.seconds / 3600:.0f} h: "
          f"{crowd.batches} batches of {crowd.of_each:,} pictures, {crowd.busy} people who always wait for more, "
          f"{crowd.newcomers_a_second * 60:.0f} newcomers a minute")  # fmt: skip
    print(f"  {'a newcomer waits, s:':<24}{'p50':>8}{'p90':>8}{'p95':>8}{'p99':>8}{'longest':>9}"
          f"   Jain's index over {window_s / 60:.0f} min: batches  others  all by weight")  # fmt: skip
    in_batches, busy = range(1, crowd.batches + 1), range(crowd.batches + 1, crowd.batches + crowd.busy + 1)
    for name, fair in (("fair turns", True), ("first come, first served", False)):
        outcome = Model(crowd, fair=fair).run()
        cuts = statistics.quantiles(outcome.waits, n=100)
        waits = "".join(f"{cuts[percent - 1]:8.0f}" for percent in (50, 90, 95, 99))
        indexes = "".join(
            f"{statistics.mean(fairness(outcome, people, window_s=window_s, until=crowd.seconds)):9.3f}"
            for people in (in_batches, busy, range(1, busy.stop))
        )
        print(f"  {name:<24}{waits}{max(outcome.waits):9.0f}{'':24}{indexes}")


@contextmanager
def database_on(server: str) -> Iterator[Database]:
    """A new database with our tables; gone afterwards."""
    name = f"g2d_benchmark_{uuid.uuid4().hex[:12]}"
    _tell(server, f'CREATE DATABASE "{name}"')
    try:
        database = Database(f"{server.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+psycopg://", 1))
        migrate(database)
        yield database
        database.close()
    finally:
        _tell(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _tell(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement)


if __name__ == "__main__":
    main()
