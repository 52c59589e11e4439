"""Keeps background tasks and threads running: one that ends, however it does, is started again after a pause."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from services.retrying import FIRST_PAUSE_S, jittered, pause_s
from shared.errors import TransientError

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 60.0
HEALTHY_S = 60.0  # what ran for so long before it ended is started again without delay

Round = Callable[[], Coroutine[object, object, None]]


class Restarts:
    """How often one task or thread has ended of late. Pure but for the clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._clock = clock
        self._first_pause_s = first_pause_s
        self._count = 0
        self._started_at = clock()

    def next_pause_s(self) -> float:
        """Take note that it has ended; returns the seconds until it shall be started again."""
        ran_s = self._clock() - self._started_at
        self._count = 1 if ran_s >= HEALTHY_S else self._count + 1
        pause = jittered(pause_s(self._count, first_s=self._first_pause_s, longest_s=LONGEST_PAUSE_S))
        self._started_at = self._clock() + pause
        return pause


class Tasks:
    """Background tasks of an event loop. None of them is meant to end."""

    def __init__(self, rounds: Mapping[str, Round], *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """Name the tasks; nothing runs before ``watch``. One that ends first pauses for ``first_pause_s``."""
        self._first_pause_s = first_pause_s
        self._rounds = dict(rounds)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._restarts: dict[str, Restarts] = {}

    def add(self, rounds: Mapping[str, Round]) -> None:
        """Name more tasks, for the next ``watch``."""
        self._rounds |= rounds

    async def watch(self, stop: asyncio.Event, until: "asyncio.Future[None] | None" = None) -> None:
        """Run all of them until ``stop`` is set or ``until`` is done; they still run when this returns."""
        for name in self._rounds.keys() - self._tasks.keys():
            self._restarts[name] = Restarts(first_pause_s=self._first_pause_s)
            self._start(name)
        while not stop.is_set() and not (until is not None and until.done()):
            stopping = asyncio.ensure_future(stop.wait())
            waited_for: set[asyncio.Future[Any]] = {stopping, *self._tasks.values()}
            if until is not None:
                waited_for.add(until)
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for name in [name for name, task in self._tasks.items() if task.done()]:
                self._restart(name)

    async def end(self, *names: str) -> None:
        """Cancel the tasks of these names, or all."""
        ending = [self._tasks.pop(name) for name in (names or tuple(self._tasks)) if name in self._tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _restart(self, name: str) -> None:
        task, pause = self._tasks[name], self._restarts[name].next_pause_s()
        error = None if task.cancelled() else task.exception()
        fields = {"task": name, "error": type(error).__name__ if error else None, "seconds": round(pause, 1)}
        if isinstance(error, TransientError):
            # Time mends it, and where it came from tells nothing.
            log.warning("background task ended, starting it again", extra=fields | {"cause": str(error)})
        else:
            log.error("background task ended, starting it again", exc_info=error, extra=fields)
        self._start(name, pause)

    def _start(self, name: str, pause: float = 0.0) -> None:
        self._tasks[name] = asyncio.create_task(_after(pause, self._rounds[name]), name=name)


async def _after(pause: float, round_: Round) -> None:
    await asyncio.sleep(pause)
    await round_()


class Threads:
    """Threads that are not meant to end. Daemons: they hold up no exit."""

    def __init__(self, work: Mapping[str, Callable[[], None]], *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """Name the threads; nothing runs before ``start``. One that ends first pauses for ``first_pause_s``."""
        self._first_pause_s = first_pause_s
        self._work = work
        self._threads: dict[str, threading.Thread] = {}
        self._restarts: dict[str, Restarts] = {}
        self._due: dict[str, float] = {}

    def start(self) -> None:
        """Start all of them."""
        for name in self._work:
            self._restarts[name] = Restarts(first_pause_s=self._first_pause_s)
            self._start(name)

    def look_after(self) -> None:
        """Start again what has ended, after its pause; to be called about every second."""
        for name, thread in self._threads.items():
            if thread.is_alive():
                continue
            if name not in self._due:
                pause = self._restarts[name].next_pause_s()
                self._due[name] = time.monotonic() + pause
                log.error("thread ended, starting it again", extra={"task": name, "seconds": round(pause, 1)})
            elif time.monotonic() >= self._due[name]:
                del self._due[name]
                self._start(name)

    def join(self, seconds: float) -> None:
        """Wait for all of them to end, at most so long."""
        ends_at = time.monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(ends_at - time.monotonic(), 0.0))

    def _start(self, name: str) -> None:
        thread = threading.Thread(target=_logged, args=(self._work[name],), name=name, daemon=True)
        self._threads[name] = thread
        thread.start()


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException:
        # Top-level handler of a thread: its owner starts it again, and finds the cause in the log.
        log.exception("thread failed", extra={"task": threading.current_thread().name})


def end_process(event: str, **fields: str) -> None:
    """Log why, and end this process in order, as a SIGTERM from outside would."""
    log.critical(event, extra=fields)
    os.kill(os.getpid(), signal.SIGTERM)
