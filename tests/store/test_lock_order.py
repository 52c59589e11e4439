"""The lock order (``shared/store/locks.py``): whatever runs side by side, no two transactions wait for each other."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, func, select, text, update

from shared.errors import StoreAway
from shared.jobs import Address, Job, Request, Sender, Stage, State
from shared.migrations import migrate
from shared.queue_policy import Flow
from shared.status_messages import Work
from shared.store import tables
from shared.store.batches import TELEGRAM, Batches
from shared.store.chat_migration import ChatMigration
from shared.store.database import Database
from shared.store.job_states import UNDER_WAY
from shared.store.jobs import Jobs, LostTurn
from shared.store.outbox import Outbox
from shared.store.status_messages import StatusMessages
from shared.store.turns import Turns
from tests.builders import BOT, FOX_RECIPE, RED_FOX, claim, submit, submit_and_finish, turns_of
from tests.servers import POSTGRES_URL

pytestmark = pytest.mark.distributed

IDEAS, PEOPLE, WORKERS, SLOTS = 150, 30, 3, 20
ENDING = 5  # parts of the bot that come to an end by themselves: four that ask, and the batches
JOBS = tables.jobs
LEASE, DEADLINE = timedelta(seconds=30), timedelta(minutes=10)


@pytest.fixture
def server(postgres_url: str) -> str:
    """A database that notices deadlocks after milliseconds instead of a second, so that a burst is soon over."""
    name = sql.Identifier(postgres_url.rpartition("/")[2])
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '10ms'").format(name))
    with opened(postgres_url) as database:
        migrate(database)
    return postgres_url


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def deadlocks(url: str) -> int:
    """How many Postgres counted. Connections report when they end, so this waits until all have."""
    name = url.rpartition("/")[2]
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        while connection.execute("SELECT FROM pg_stat_activity WHERE datname = %s", [name]).fetchone():
            continue
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = %s", [name]).fetchone()
    assert row is not None
    return int(row[0])


class Burst:
    """A bot that takes ideas in and tells how they are doing, beside workers with their slots, renewals and sweeps."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ideas = iter(range(IDEAS))
        self._next = threading.Lock()
        self._tickets = threading.Semaphore(0)
        self._over = threading.Event()
        self._chance = random.Random(1)

    def run(self) -> Counter[str]:
        """Until everything that was asked for has ended; returns how many jobs ended how."""
        parts = [self._ask] * 4 + [self._look_after_batches, self._change_status, self._deliver, self._cancel]
        with opened(self._url) as bot, ThreadPoolExecutor(len(parts) + WORKERS) as pool:
            running = [pool.submit(part, bot) for part in parts]
            running += [pool.submit(self._work, f"worker {number}") for number in range(WORKERS)]
            try:
                for one in running[:ENDING]:
                    one.result()
                while self._left(bot):
                    continue
            finally:
                self._over.set()
                self._tickets.release(WORKERS * SLOTS)
            for one in running:
                one.result()
            with bot.reading() as connection:
                rows = connection.execute(select(JOBS.c.state, func.count().label("jobs")).group_by(JOBS.c.state))
                return Counter({row.state: row.jobs for row in rows})

    @staticmethod
    def _left(bot: Database) -> int:
        under_way = select(func.count()).where(tables.jobs.c.state.in_([str(state) for state in UNDER_WAY]))
        with bot.reading() as connection:
            return connection.scalar(under_way) or 0

    # The bot

    def _ask(self, bot: Database) -> None:
        jobs, status = Jobs(bot), StatusMessages(bot)
        while True:
            with self._next:
                number = next(self._ideas, None)
            if number is None:
                return
            user = number % PEOPLE + 1
            job, _ = jobs.submit(
                Request("a fox", count=2 if number % 10 == 0 else 1),
                address=Address(BOT, user, number),
                sender=Sender(user),
            )
            self._tickets.release(2)
            status.begin(Work.JOB, job.id, after=0)
            status.sent(Work.JOB, job.id, number, "queued:1")

    def _look_after_batches(self, bot: Database) -> None:
        batches = Batches(bot)
        for number in range(2):
            batch, _ = batches.ask(
                [Request("a hare")] * 30,
                address=Address(BOT, 1 + number % 2, 10_000 + number),
                sender=Sender(1 + number % 2),
                source=TELEGRAM,
            )
            batches.start(batch.id)
            while batches.fill(batch.id):
                batches.pause(batch.id)
                batches.resume(batch.id)
            batches.cancel(batch.id)
            batches.go_on(batch.id)

    def _change_status(self, bot: Database) -> None:
        jobs = Jobs(bot)
        while not self._over.is_set():
            for _, job in jobs.line(BOT, limit=50):
                jobs.change_status(job, f"queued:{self._chance.random()}")

    def _deliver(self, bot: Database) -> None:
        outbox = Outbox(bot)
        while not self._over.is_set():
            for job in outbox.claim(BOT, limit=20):
                outbox.delivered(job.id, message_id=job.id)

    def _cancel(self, bot: Database) -> None:
        jobs = Jobs(bot)
        while not self._over.is_set():
            user = self._chance.randint(1, PEOPLE)
            under_way = jobs.not_ended(user, bot_id=BOT)
            jobs.cancel([job.id for job in under_way[:3]])

    # A worker

    def _work(self, name: str) -> None:
        in_hand: set[int] = set()
        with opened(self._url) as database, ThreadPoolExecutor(SLOTS + 2) as pool:
            turns = Turns(database, lease=LEASE, deadline=DEADLINE)
            parts: list[Callable[[], object]] = [
                *[lambda: self._serve(turns, Jobs(database), name, in_hand)] * SLOTS,
                lambda: turns.renew(name, jobs=in_hand.copy()),
                lambda: self._sweep(turns),
            ]
            for one in [pool.submit(self._again_and_again, part) for part in parts]:
                one.result()
            turns.release(name)

    def _again_and_again(self, act: Callable[[], object]) -> None:
        while not self._over.is_set():
            with suppress(LostTurn, StoreAway):
                act()

    def _sweep(self, turns: Turns) -> None:
        found = turns.sweep(most_due=500)
        if found is not None and found.due:
            self._tickets.release(found.due)

    def _serve(self, turns: Turns, jobs: Jobs, name: str, in_hand: set[int]) -> None:
        self._tickets.acquire()
        while isinstance(job := turns.claim_next(name), Job):
            self._carry_on(jobs, job, in_hand)

    def _carry_on(self, jobs: Jobs, job: Job, in_hand: set[int]) -> None:
        in_hand.add(job.id)
        try:
            jobs.keep_prompt(job, RED_FOX)
            if self._chance.random() < 0.5:
                jobs.wait(job, seconds=0.01, stage=Stage.RETRYING, reason="service_busy", failures=1)
            else:
                jobs.finish(job, FOX_RECIPE, image_key="k", media_type="image/png")
        finally:
            in_hand.discard(job.id)


@contextmanager
def made_to_wait(database: Database, job_id: int, act: Callable[[], object]) -> Iterator[None]:
    """Hold a job's row and act in another thread; inside, that thread waits for the row."""
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as holder:
            lock(holder, job_id)
            acting = pool.submit(act)
            until_it_waits_for(holder, database, acting)
            yield
        acting.result(20)


def lock(connection: Connection, job_id: int) -> None:
    connection.execute(select(JOBS).where(JOBS.c.id == job_id).with_for_update())


def until_it_waits_for(holder: Connection, database: Database, acting: Future[object]) -> None:
    """Until the transaction in the other thread waits for a row that ``holder`` has locked."""
    holders_pid = holder.scalar(select(func.pg_backend_pid()))
    waiting = (
        select(func.count())
        .select_from(text("pg_stat_activity"))
        .where(text(":holder = ANY(pg_blocking_pids(pid))").bindparams(holder=holders_pid))
    )
    with database.reading() as connection:
        while not connection.scalar(waiting):
            assert not acting.done(), "it did not wait"


def free(database: Database) -> set[int]:
    """The jobs whose rows no transaction has locked."""
    with database.reading() as connection:
        return set(connection.scalars(select(JOBS.c.id).with_for_update(skip_locked=True)))


def shuffled(database: Database, ids: list[int]) -> list[int]:
    """Write the rows anew, the last one first, so that they don't lie in the order of their ids."""
    for job_id in reversed(ids):
        with database.writing() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(estimate_s=1.0))
    return ids


def three_of(database: Database, act: Callable[[Batches, int], object]) -> tuple[list[int], Callable[[], object]]:
    """A running batch of three pictures, and what is to be done with it."""
    batches = Batches(database)
    batch, _ = batches.ask([Request("a", count=3)], address=Address(BOT, 7, 1), sender=Sender(7), source=TELEGRAM)
    batches.start(batch.id)
    while batches.fill(batch.id):
        continue
    return [job.id for job in batches.jobs(batch.id)], lambda: act(batches, batch.id)


def cancelling(database: Database) -> tuple[list[int], Callable[[], object]]:
    ids = [submit(database).id for _ in range(3)]
    return ids, lambda: Jobs(database).cancel([ids[2], ids[0], ids[1]])


def giving_back(database: Database) -> tuple[list[int], Callable[[], object]]:
    for _ in range(3):
        submit(database)
    return [claim(database).id for _ in range(3)], lambda: turns_of(database).release("worker")


def freeing_deliveries(database: Database) -> tuple[list[int], Callable[[], object]]:
    ids = [submit_and_finish(database).id for _ in range(3)]
    Outbox(database).claim(BOT, limit=3)
    return ids, lambda: Outbox(database).release_all(BOT)


def moving(database: Database) -> tuple[list[int], Callable[[], object]]:
    return [submit(database, chat=-5).id for _ in range(3)], lambda: ChatMigration(database, BOT).move(-5, -1005)


def cancelling_a_batch(database: Database) -> tuple[list[int], Callable[[], object]]:
    return three_of(database, Batches.cancel)


def pausing(database: Database) -> tuple[list[int], Callable[[], object]]:
    return three_of(database, Batches.pause)


def taking_up_again(database: Database) -> tuple[list[int], Callable[[], object]]:
    ids, cancel = three_of(database, Batches.cancel)
    cancel()
    return ids, three_of(database, Batches.go_on)[1]


def sending(database: Database) -> tuple[list[int], Callable[[], object]]:
    ids, _ = three_of(database, Batches.cancel)
    return ids, lambda: Batches(database).sent(1, [(job_id, 1, None) for job_id in reversed(ids)])


class TestWhoeverWaitsForARow:
    """… holds none that comes after it in the lock order, so nobody waits in a circle."""

    def test_a_claim_does_not_hold_what_it_passed_over(self, postgres: Database) -> None:
        passed_over, next_one = submit(postgres).id, submit(postgres).id

        with ThreadPoolExecutor(1) as pool, postgres.writing() as holder:
            lock(holder, next_one)
            with postgres.writing() as other_worker:
                other_worker.execute(update(JOBS).where(JOBS.c.id == passed_over).values(state=State.WORKING))
                claiming = pool.submit(turns_of(postgres).claim_next, "worker")
                until_it_waits_for(other_worker, postgres, claiming)
            until_it_waits_for(holder, postgres, claiming)
            assert passed_over in free(postgres)

    def test_a_claim_does_not_hold_what_it_queued_because_its_time_has_come(self, postgres: Database) -> None:
        (in_batch, *_), _ = three_of(postgres, Batches.cancel)
        Jobs(postgres).wait(claim(postgres), seconds=0, stage=Stage.RETRYING, reason="service_busy", failures=1)
        alone = submit(postgres)

        with made_to_wait(postgres, alone.id, lambda: turns_of(postgres).claim_next("worker", flows={Flow.PICTURES})):
            assert in_batch in free(postgres)

    def test_a_delivery_is_claimed_though_the_bot_is_writing_to_its_row(self, postgres: Database) -> None:
        """Such as the number of its status message: the news of its end comes once."""
        job, claimed = submit_and_finish(postgres), list[Job]()

        with made_to_wait(postgres, job.id, lambda: claimed.extend(Outbox(postgres).claim(BOT, limit=9, is_told=True))):
            assert claimed == []

        assert [one.id for one in claimed] == [job.id]

    def test_a_delivery_passes_over_what_somebody_writes_to_while_others_are_due(self, postgres: Database) -> None:
        held, free_one = submit_and_finish(postgres), submit_and_finish(postgres)

        with postgres.writing() as holder:
            lock(holder, held.id)
            claimed = Outbox(postgres).claim(BOT, limit=9, is_told=True)

        assert [one.id for one in claimed] == [free_one.id]

    def test_a_renewal_waits_for_nobody(self, postgres: Database) -> None:
        ids, _ = giving_back(postgres)

        with postgres.writing() as holder:
            lock(holder, ids[1])
            assert turns_of(postgres).renew("worker", jobs=ids) == 2

    @pytest.mark.parametrize(
        "operation",
        [cancelling, giving_back, freeing_deliveries, moving, cancelling_a_batch, pausing, taking_up_again, sending],
    )
    def test_what_changes_several_jobs_locks_them_by_id(
        self, postgres: Database, operation: Callable[[Database], tuple[list[int], Callable[[], object]]]
    ) -> None:
        ids, act = operation(postgres)
        first, second, third = shuffled(postgres, ids)

        with made_to_wait(postgres, second, act):
            assert free(postgres) & {first, second, third} == {third}


def test_a_burst_of_ideas_at_three_workers_makes_no_deadlock(server: str) -> None:
    ended = Burst(server).run()

    assert deadlocks(server) == 0
    assert set(ended) <= {State.FINISHED, State.CANCELLED}
    assert ended.total() >= IDEAS
