"""News of jobs, from the transaction that changed them to the event loop that waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from builders import (
    ALREADY_OVER,
    FOX_RECIPE,
    RED_FOX,
    claim,
    submit,
    submit_and_claim,
    turns_of,
)
from sqlalchemy import text

from shared.jobs import Job, Stage
from shared.store.database import CHANNEL, Database
from shared.store.jobs import Jobs
from shared.store.leases import MAX_LOSSES
from shared.wakeups import listen

TEST_NEWS = -1  # a job that nobody has
PATIENCE_S = 20


class Listener:
    """Everything that was heard, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard: asyncio.Queue[int] = asyncio.Queue()
        self.take = self._heard.put_nowait

    async def next(self) -> int:
        """The next job that changed."""
        while True:
            job_id = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
            if job_id != TEST_NEWS:
                return job_id

    async def is_listening(self) -> None:
        """Come back when news arrive: they are sent until the first one does."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await asyncio.to_thread(tell, self._database, TEST_NEWS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.get(), 0.1)
                    return


def tell(database: Database, job_id: int) -> None:
    with database.writing() as connection:
        database.tell(connection, job_id)


def tell_of_errand(database: Database, errand_id: int) -> None:
    with database.writing() as connection:
        database.tell_of_errand(connection, errand_id)


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Listener]:
    listener = Listener(database)
    task = asyncio.create_task(listen(database, listener.take))
    try:
        await listener.is_listening()
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def while_listening(database: Database, scene: Callable[[Listener], Awaitable[Any]]) -> Any:
    """Play a scene with a listener on stage."""

    async def play() -> Any:
        async with listening(database) as listener:
            return await scene(listener)

    return asyncio.run(play())


def claim_it(database: Database) -> Job:
    submit(database)
    return claim(database)


def keep_its_prompt(database: Database) -> Job:
    job = submit_and_claim(database)
    Jobs(database).keep_prompt(job, RED_FOX)
    return job


def put_it_aside(database: Database) -> Job:
    job = submit_and_claim(database)
    Jobs(database).wait(job, seconds=60, stage=Stage.WAKING, reason="model_loading", failures=0)
    return job


def finish_it(database: Database) -> Job:
    job = submit_and_claim(database)
    Jobs(database).finish(job, FOX_RECIPE, image_key="k", media_type="image/png")
    return job


def give_it_up(database: Database) -> Job:
    job = submit_and_claim(database)
    Jobs(database).give_up(job, "unexpected")
    return job


class TestWakeUps:
    @pytest.mark.parametrize("change", [claim_it, keep_its_prompt, put_it_aside, finish_it, give_it_up])
    def test_whatever_people_should_see_is_told(self, database: Database, change: Callable[[Database], Job]) -> None:
        async def scene(listener: Listener) -> tuple[int, int]:
            job = await asyncio.to_thread(change, database)
            return job.id, await listener.next()

        changed, heard = while_listening(database, scene)

        assert heard == changed

    def test_a_job_that_was_lost_for_good_is_told(self, database: Database) -> None:
        job = submit(database)
        for _ in range(MAX_LOSSES - 1):
            claim(database, lease=ALREADY_OVER)
            turns_of(database).sweep(most_due=10)
        claim(database, lease=ALREADY_OVER)

        async def scene(listener: Listener) -> int:
            await asyncio.to_thread(turns_of(database).sweep, most_due=10)
            return await listener.next()

        assert while_listening(database, scene) == job.id

    def test_what_was_rolled_back_is_not_told(self, database: Database) -> None:
        def roll_back() -> None:
            with suppress(ZeroDivisionError), database.writing() as connection:
                database.tell(connection, 1)
                raise ZeroDivisionError

        async def scene(listener: Listener) -> int:
            await asyncio.to_thread(roll_back)
            await asyncio.to_thread(tell, database, 2)
            return await listener.next()

        assert while_listening(database, scene) == 2

    def test_many_changes_in_one_transaction_are_all_told(self, database: Database) -> None:
        def tell_three() -> None:
            with database.writing() as connection:
                for job_id in (1, 2, 3):
                    database.tell(connection, job_id)

        async def scene(listener: Listener) -> list[int]:
            await asyncio.to_thread(tell_three)
            return [await listener.next() for _ in range(3)]

        assert while_listening(database, scene) == [1, 2, 3]

    def test_news_of_an_errand_are_no_news_of_a_job(self, database: Database) -> None:
        async def scene() -> tuple[list[int], int]:
            jobs: list[int] = []
            errands: asyncio.Queue[int] = asyncio.Queue()
            task = asyncio.create_task(listen(database, jobs.append, errands.put_nowait))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while errands.empty():
                        await asyncio.to_thread(tell_of_errand, database, 12)
                        with suppress(TimeoutError):
                            return jobs, await asyncio.wait_for(errands.get(), 0.1)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            raise AssertionError("unheard")

        assert asyncio.run(scene()) == ([], 12)

    def test_nobody_has_to_listen(self, database: Database) -> None:
        async def no_scene(_: Listener) -> None:
            return None

        while_listening(database, no_scene)

        tell(database, 1)  # The loop that listened is closed by now.


@pytest.mark.distributed
class TestBetweenProcesses:
    def test_another_process_is_heard(self, postgres_url: str) -> None:
        here, there = Database(postgres_url), Database(postgres_url)

        async def scene(listener: Listener) -> int:
            await asyncio.to_thread(tell, there, 7)
            return await listener.next()

        assert while_listening(here, scene) == 7
        here.close()
        there.close()

    def test_a_listener_that_lost_its_connection_listens_again(self, postgres_url: str) -> None:
        database = Database(postgres_url)

        async def scene(listener: Listener) -> int:
            assert await asyncio.to_thread(end_listeners, database) == 1
            await listener.is_listening()
            await asyncio.to_thread(tell, database, 8)
            return await listener.next()

        assert while_listening(database, scene) == 8
        database.close()


def end_listeners(database: Database) -> int:
    """Terminate the connections that listen in this database; returns how many these were."""
    with database.reading() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query = :listening"
            ),
            {"listening": f"LISTEN {CHANNEL}"},
        )
        return len(ended.all())
