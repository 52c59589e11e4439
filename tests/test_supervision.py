"""Background tasks and threads are not meant to end, and are started again when they do."""

import asyncio
import logging
import threading
import time

import pytest

from services.retrying import Outage, jittered, pause_s
from services.supervision import HEALTHY_S, LONGEST_PAUSE_S, Restarts, Tasks, Threads
from shared.errors import StoreAway


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestPauses:
    def test_they_grow_up_to_a_bound(self) -> None:
        pauses = [pause_s(failures, longest_s=30.0) for failures in range(1, 100)]

        assert pauses == sorted(pauses)
        assert pauses[-1] == 30.0
        assert pause_s(10**9) == pause_s(10**6)

    def test_jitter_never_makes_them_shorter(self) -> None:
        assert all(10.0 <= jittered(10.0) <= 13.0 for _ in range(1000))


class TestRestarts:
    def test_what_ends_at_once_again_and_again_is_started_ever_more_rarely(self) -> None:
        restarts = Restarts(Clock())

        pauses = [restarts.next_pause_s() for _ in range(40)]

        assert pauses[0] < pauses[5] < pauses[-1] <= 1.3 * LONGEST_PAUSE_S

    def test_what_ran_for_long_is_started_again_at_once(self) -> None:
        clock = Clock()
        restarts = Restarts(clock)
        first, *_ = [restarts.next_pause_s() for _ in range(10)]

        clock.now += 2 * LONGEST_PAUSE_S + HEALTHY_S

        assert restarts.next_pause_s() <= 1.3 * first


class TestOutages:
    def test_the_same_is_said_ever_more_rarely(self, caplog: pytest.LogCaptureFixture) -> None:
        clock = Clock()
        outage = Outage(logging.getLogger("a test"), "over", clock=clock)
        said_at = []

        for second in range(1300):
            outage.failed("away")
            caplog.clear()
            outage.say(logging.WARNING, "away", error="refused")
            said_at += [second] * len(caplog.records)
            clock.now += 1

        assert said_at == [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215]

    def test_the_same_at_a_higher_level_is_said_at_once(self, caplog: pytest.LogCaptureFixture) -> None:
        outage = Outage(logging.getLogger("a test"), "over", clock=Clock())

        for level in (logging.WARNING, logging.WARNING, logging.ERROR):
            outage.failed("away")
            outage.say(level, "away")

        assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]

    def test_what_changes_is_said_at_once(self, caplog: pytest.LogCaptureFixture) -> None:
        outage = Outage(logging.getLogger("a test"), "over", clock=Clock())

        for error in ("refused", "refused", "timed out", "refused"):
            outage.failed(error)
            outage.say(logging.WARNING, "away", error=error)

        assert len(caplog.records) == 3

    def test_the_end_is_said_once_with_how_long_it_took(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        clock = Clock()
        outage = Outage(logging.getLogger("a test"), "over", clock=clock)
        outage.failed("away")
        clock.now += 75

        outage.succeeded()
        outage.succeeded()

        [record] = caplog.records
        assert (record.message, record.__dict__["seconds"]) == ("over", 75.0)

    def test_a_kind_lasts_as_long_as_no_other_comes_between(self) -> None:
        clock = Clock()
        outage = Outage(logging.getLogger("a test"), "over", clock=clock)
        lasting = []

        for kind in (401, 401, 502, 401, 401):
            lasting.append(outage.failed(kind))
            clock.now += 30

        assert lasting == [0, 30, 0, 0, 30]


async def returns() -> None:
    return


async def returns_after(event: asyncio.Event) -> None:
    await event.wait()


async def raises() -> None:
    raise ZeroDivisionError


async def is_cancelled() -> None:
    raise asyncio.CancelledError


class TestTasks:
    @pytest.mark.parametrize("end", [returns, raises, is_cancelled])
    def test_one_that_ends_in_whatever_way_is_started_again(
        self, end: object, caplog: pytest.LogCaptureFixture
    ) -> None:
        started: list[str] = []

        async def scene() -> None:
            stop = asyncio.Event()

            async def short_lived() -> None:
                started.append("short")
                if len(started) >= 4:
                    stop.set()
                await end()  # type: ignore[operator]

            async def lasting() -> None:
                started.append("lasting")
                await asyncio.Event().wait()

            tasks = Tasks({"short": short_lived, "lasting": lasting}, first_pause_s=0.01)
            await asyncio.wait_for(tasks.watch(stop), 20)
            await tasks.end()

        asyncio.run(scene())

        assert started.count("lasting") == 1
        assert started.count("short") >= 3
        assert {record.message for record in caplog.records} == {"background task ended, starting it again"}
        assert {record.__dict__["task"] for record in caplog.records} == {"short"}

    def test_some_run_while_something_else_is_waited_for_and_more_afterwards(self) -> None:
        running: list[str] = []

        async def scene() -> None:
            stop = asyncio.Event()

            async def run(name: str) -> None:
                running.append(name)
                (begun if name == "first" else stop).set()
                await asyncio.Event().wait()

            begun = asyncio.Event()
            waiting = asyncio.create_task(returns_after(begun))
            tasks = Tasks({"first": lambda: run("first")})
            await asyncio.wait_for(tasks.watch(stop, until=waiting), 20)
            tasks.add({"second": lambda: run("second")})
            await asyncio.wait_for(tasks.watch(stop), 20)
            await tasks.end()

        asyncio.run(scene())

        assert running == ["first", "second"]

    def test_a_database_that_is_away_is_no_wall_of_a_traceback(self, caplog: pytest.LogCaptureFixture) -> None:
        async def scene() -> None:
            stop = asyncio.Event()

            async def needs_the_database() -> None:
                if caplog.records:
                    stop.set()
                raise StoreAway("the database does not answer")

            tasks = Tasks({"needs the database": needs_the_database}, first_pause_s=0.01)
            await asyncio.wait_for(tasks.watch(stop), 20)
            await tasks.end()

        asyncio.run(scene())

        assert all(record.exc_info is None and record.levelno == logging.WARNING for record in caplog.records)

    def test_they_are_ended_by_name_and_stay_ended(self) -> None:
        running: set[str] = set()

        async def scene() -> None:
            stop = asyncio.Event()

            async def run(name: str) -> None:
                running.add(name)
                if len(running) == 2:
                    stop.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    running.discard(name)

            tasks = Tasks({"polls": lambda: run("polls"), "delivers": lambda: run("delivers")})
            await asyncio.wait_for(tasks.watch(stop), 20)
            await tasks.end("polls", "one that is not there")
            assert running == {"delivers"}
            await tasks.end()

        asyncio.run(scene())

        assert running == set()


class TestThreads:
    @pytest.mark.parametrize("error", [None, ZeroDivisionError, SystemExit])
    def test_one_that_ends_is_started_again(
        self, error: type[BaseException] | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        started, stop = [], threading.Event()

        def work() -> None:
            started.append(1)
            if error is not None and len(started) < 3:
                raise error
            if len(started) >= 3:
                stop.wait()

        threads = Threads({"renewals": work}, first_pause_s=0.01)
        threads.start()
        end = time.monotonic() + 20
        while len(started) < 3 and time.monotonic() < end:
            threads.look_after()
        stop.set()
        threads.join(20)

        assert len(started) == 3
        assert {record.__dict__["task"] for record in caplog.records} == {"renewals"}

    def test_one_that_goes_on_is_left_alone(self) -> None:
        started, stop = [], threading.Event()

        def work() -> None:
            started.append(1)
            stop.wait()

        threads = Threads({"renewals": work})
        threads.start()
        for _ in range(100):
            threads.look_after()
        stop.set()
        threads.join(20)

        assert started == [1]
