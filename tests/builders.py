"""Jobs for tests: a test says what matters to it, the rest is usual."""

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Table, insert, text, update

from services.worker.engine.records import Handler, Painting, Pictures, Questions
from services.worker.engine.runner import Runner
from services.worker.engine.turn_limiter import TurnLimiter
from shared.errands import Errand, ErrandKind
from shared.images import Images, key_of_sent, keys_of
from shared.jobs import Address, Attempt, Job, Parameters, Prompt, Recipe, Request, Sender, Stage, State
from shared.queue_policy import QueuePolicy
from shared.status_messages import Work
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.sent_files import SentFiles
from shared.store.status_messages import StatusMessages
from shared.store.turns import Turns
from shared.tickets import LocalTickets, Tickets

BOT = 42
RED_FOX = Prompt("a red fox in deep snow, golden hour", negative="blurry", title="Red fox", model="gemini-test")
FOX_RECIPE = Recipe("org/model", "fal-ai", "a red fox in deep snow", seed=7, width=1024, height=1024, steps=28)
AN_HOUR = timedelta(hours=1)
UNCAPPED = QueuePolicy(
    in_flight=10_000,
    queued=10_000,
    queued_in_group=10_000,
    questions_in_flight=10_000,
    questions_queued=10_000,
    questions_queued_in_group=10_000,
)
ALREADY_OVER = timedelta(seconds=-1)  # a lease or a deadline that has passed when it begins

T = TypeVar("T")

_messages = itertools.count(1_000_000)  # above all numbers that tests choose themselves


def submit(
    database: Database,
    idea: str = "a red fox",
    *,
    user: int = 7,
    bot: int = BOT,
    chat: int | None = None,
    message: int | None = None,
    topic: int | None = None,
    private: bool = True,
    parameters: Parameters | None = None,
    count: int = 1,
    policy: QueuePolicy = UNCAPPED,
) -> Job:
    """Submit what a message asked for; each call is another message unless ``message`` says which."""
    job, _ = Jobs(database, policy).submit(
        Request(idea, parameters or Parameters(), count),
        address=Address(
            bot, user if chat is None else chat, message or next(_messages), topic_id=topic, private=private
        ),
        sender=Sender(user),
    )
    return job


def turns_of(
    database: Database, *, lease: timedelta = AN_HOUR, deadline: timedelta = AN_HOUR, policy: QueuePolicy = UNCAPPED
) -> Turns:
    """The fair order, with terms under which nothing runs out during a test unless it is meant to."""
    return Turns(database, lease=lease, deadline=deadline, policy=policy)


def claim(
    database: Database, worker: str = "worker", *, lease: timedelta = AN_HOUR, deadline: timedelta = AN_HOUR
) -> Job:
    """Claim the next job, which has to be there."""
    job = turns_of(database, lease=lease, deadline=deadline).claim_next(worker)
    assert isinstance(job, Job), "no job is next"
    return job


def claim_errand(
    database: Database, worker: str = "worker", *, lease: timedelta = AN_HOUR, deadline: timedelta = AN_HOUR
) -> Errand:
    """Claim the next errand, which has to be there."""
    errand = turns_of(database, lease=lease, deadline=deadline).claim_next(worker)
    assert isinstance(errand, Errand), "no errand is next"
    return errand


def a_running_batch(database: Database, pictures: int, *, user: int = 7, policy: QueuePolicy | None = None) -> int:
    """A batch that runs; returns its id."""
    now = datetime.now(UTC)
    with database.writing() as connection:
        batch_id: int = connection.execute(
            insert(tables.batches)
            .values(
                source="telegram",
                bot_id=BOT,
                chat_id=user,
                message_id=1,
                private=True,
                request_key=f"batch-{user}-{now.timestamp()}",
                user_id=user,
                language="en",
                requests=[],
                pictures=pictures,
                way="albums",
                state="running",
                created_at=now,
            )
            .returning(tables.batches.c.id)
        ).scalar_one()
        Jobs(database, policy or UNCAPPED).submit_batch(
            connection,
            batch_id,
            [Request(f"fox {number}") for number in range(pictures)],
            address=Address(BOT, user, 1),
            sender=Sender(user),
        )
    return batch_id


def runner_of(
    database: Database,
    *,
    painting: Painting | None = None,
    handlers: Mapping[ErrandKind, Handler] | None = None,
    tickets: Tickets | None = None,
    turns: Turns | None = None,
    slots: int = 8,
    turn_limiter: TurnLimiter | None = None,
) -> Runner:
    """A worker's runner that makes pictures, or runs errands, or both."""
    tickets = tickets or LocalTickets()
    return Runner(
        "worker",
        turns or turns_of(database),
        tickets,
        pictures=Pictures(Jobs(database), painting or Nobody(), tickets, SentFiles(database)),
        questions=Questions(Errands(database), handlers or {}, SentFiles(database)),
        slots=slots,
        turn_limiter=turn_limiter,
    )


def keep_sent(images: Images, chat_id: int, message_id: int, data: bytes) -> str:
    """Put a file that somebody sent into the image store; returns its key."""
    key = key_of_sent(chat_id, message_id)
    images.keep_sent(key, data)
    return key


class Nobody:
    """Makes no pictures."""

    def run(self, job: Job, attempts: list[Attempt]) -> None:
        raise AssertionError(f"nobody makes the picture of job {job.id}")


def while_written_to(database: Database, table: Table, row_id: int, values: dict[str, Any], act: Callable[[], T]) -> T:
    """Act in another thread while a row in Postgres is written to, until that waits for the row or has ended."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as connection, database.reading() as reader:
            connection.execute(update(table).where(table.c.id == row_id).values(values))
            done = pool.submit(act)
            while not done.done() and not reader.scalar(waiting):
                continue
        return done.result(20)


def while_somebody_writes(sqlite: Database, act: Callable[[], T]) -> T:
    """Act in another thread while this one has SQLite's only place to write."""
    with ThreadPoolExecutor(1) as pool, sqlite.writing():
        return pool.submit(act).result(20)


def submit_and_claim(database: Database, *, worker: str = "worker", **request: Any) -> Job:
    """Submit a job to an empty queue and claim it."""
    submit(database, **request)
    return claim(database, worker)


def jpeg_key(job_id: int) -> str:
    """Where the image store keeps a job's picture when it is a JPEG."""
    return next(key for key in keys_of(job_id) if key.endswith(".jpg"))


def submit_and_finish(database: Database, **request: Any) -> Job:
    """Submit a job to an empty queue and finish it, as a worker would."""
    job = submit_and_claim(database, **request)
    Jobs(database).keep_prompt(job, RED_FOX)
    Jobs(database).finish(job, FOX_RECIPE, image_key=jpeg_key(job.id), media_type="image/jpeg")
    return read(database, job)


def submit_and_fail(database: Database, *, reason: str = "service_busy", **request: Any) -> Job:
    """Submit a job to an empty queue and give it up, as a worker would."""
    job = submit_and_claim(database, **request)
    Jobs(database).give_up(job, reason)
    return read(database, job)


def read(database: Database, job: Job) -> Job:
    """The job as its row is now."""
    now = Jobs(database).read(job.id)
    assert now is not None
    return now


def show_status(database: Database, job: Job, message_id: int, shown: str = "queued:1") -> bool:
    """Write down the number of a job's status message, as the bot does when it has sent it."""
    return StatusMessages(database).sent(Work.JOB, job.id, message_id, shown)


def an_attempt(**values: Any) -> Attempt:
    """A call that was made for a job."""
    usual = {"step": "image", "service": "fal-ai", "model": "org/model", "duration_ms": 1200}
    return Attempt(**usual | values)


def a_job(**values: Any) -> Job:
    """A job that is in no database."""
    usual: dict[str, Any] = {
        "id": 1,
        "address": Address(BOT, 7, 1),
        "sender": Sender(7),
        "number": 0,
        "request": Request(values.pop("idea", "a red fox")),
        "state": State.WORKING,
        "stage": Stage.PAINTING,
        "created_at": datetime.now(UTC),
    }
    return Job(**usual | values)


def empty(database: Database) -> None:
    """Delete all rows."""
    with database.writing() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(table.delete())
