"""News of jobs, from the transaction that changed them to the event loop that waits."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import text

from shared.jobs import Job, Stage
from shared.store.database import CHANNEL, Database
from shared.store.jobs import Jobs
from shared.store.leases import MAX_LOSSES
from shared.store.news import News
from shared.wakeups import listen
from tests.builders import (
    ALREADY_OVER,
    FOX_RECIPE,
    RED_FOX,
    claim,
    submit,
    submit_and_claim,
    turns_of,
)

END, TEST_NEWS = -1, -2  # jobs that nobody has; of test news each has a number of its own, from here downwards
PATIENCE_S = 20


class Listener:
    """Everything that was heard, in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard: asyncio.Queue[News] = asyncio.Queue()
        self._numbers = itertools.count(TEST_NEWS, -1)
        self.take = self._heard.put_nowait

    async def next(self) -> int:
        """The next job that changed."""
        return (await self.next_news()).id

    async def next_news(self) -> News:
        """The next news."""
        while True:
            news = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
            if news.id > TEST_NEWS:
                return news

    async def is_listening(self) -> None:
        """Come back when news arrive: they are sent until the first one does. Those of an earlier time don't count."""
        sent = set()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                sent.add(number := next(self._numbers))
                await asyncio.to_thread(tell, self._database, number)
                with suppress(TimeoutError):
                    while (await asyncio.wait_for(self._heard.get(), 0.1)).id not in sent:
                        continue
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

    @pytest.mark.parametrize(
        ("change", "may_be_delivered"),
        [(claim_it, False), (keep_its_prompt, False), (put_it_aside, False), (finish_it, True), (give_it_up, True)],
    )
    def test_a_step_under_way_makes_nobody_look_for_something_to_deliver(
        self, database: Database, change: Callable[[Database], Job], may_be_delivered: bool
    ) -> None:
        async def scene(listener: Listener) -> list[bool]:
            await asyncio.to_thread(change, database)
            await asyncio.to_thread(tell, database, END)
            heard = []
            while (news := await listener.next_news()).id != END:
                heard.append(news.may_be_delivered)
            return heard

        *steps, last = while_listening(database, scene)

        assert (any(steps), last) == (False, may_be_delivered)

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
        async def scene(listener: Listener) -> News:
            await asyncio.to_thread(tell_of_errand, database, 12)
            return await listener.next_news()

        assert while_listening(database, scene) == News(12, is_errand=True)

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
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query = :listening"
            ),
            {"listening": f"LISTEN {CHANNEL}"},
        )
        return len(ended.all())
