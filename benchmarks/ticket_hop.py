"""What one ticket for each turn costs, beside a slot that goes on by itself: ``python -m benchmarks.ticket_hop``.

Turns that do nothing are served one after another by one slot: called in a loop, by a ticket of this process each, and
by a ticket over Redis each, with Celery's own worker. Prints milliseconds of time and of this process's CPU for a turn,
and what they are of a turn that takes as long as a call to Gemini. Needs ``TEST_REDIS_URL``, whose database is emptied.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable

import redis

from services.health import Sign
from services.worker.takers.celery_worker import CeleryWorker
from services.worker.takers.local_worker import LocalWorker
from shared.celery_tickets import CeleryTickets, make_celery
from shared.tickets import LocalTickets, Tickets

SHORTEST_TURN_MS = 1_000.0  # a short answer of Gemini's
PATIENCE_S = 120.0


class Chain:
    """Turns that each send the ticket for the next, until there were so many."""

    def __init__(self, tickets: Tickets, turns: int) -> None:
        self._tickets = tickets
        self._left = turns
        self.ended = threading.Event()

    def turn(self) -> None:
        """Serve a turn that does nothing."""
        self._left -= 1
        if self._left > 0:
            self._tickets.send()
        else:
            self.ended.set()


def _in_a_loop(turns: int) -> tuple[float, float]:
    chain = Chain(LocalTickets(), turns)

    def serve() -> None:
        while not chain.ended.is_set():
            chain.turn()

    return _measured(serve, turns)


def _local(turns: int) -> tuple[float, float]:
    tickets = LocalTickets()
    chain = Chain(tickets, turns)
    worker = LocalWorker(tickets, chain.turn, Sign(), name="benchmark", slots=1)
    worker.start()
    try:
        return _measured(lambda: _run(tickets, chain), turns)
    finally:
        worker.stop(10.0)


def _celery(turns: int, url: str) -> tuple[float, float]:
    redis.Redis.from_url(url).flushdb()
    tickets = CeleryTickets(make_celery(url))
    warm, chain = Chain(tickets, 10), Chain(tickets, turns)
    serving = [warm]

    def turn() -> None:
        serving[0].turn()

    worker = CeleryWorker(tickets, turn, Sign(), name="benchmark", slots=1)
    worker.start()
    try:
        _run(tickets, warm)
        serving[0] = chain
        return _measured(lambda: _run(tickets, chain), turns)
    finally:
        worker.stop(10.0)


def _run(tickets: Tickets, chain: Chain) -> None:
    tickets.send()
    if not chain.ended.wait(PATIENCE_S):
        raise RuntimeError("the turns did not come to an end")


def _measured(run: Callable[[], None], turns: int) -> tuple[float, float]:
    """Milliseconds of time and of CPU that a turn takes."""
    begun, used = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - begun) * 1e3 / turns, (time.process_time() - used) * 1e3 / turns


def main() -> None:
    """Measure the three ways in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2_000)
    turns = parser.parse_args().turns
    ways = {
        "a loop, no tickets": _in_a_loop(turns),
        "a ticket in the process": _local(turns),
        "a ticket over Redis": _celery(turns, os.environ["TEST_REDIS_URL"]),
    }
    for name, (taken_ms, cpu_ms) in ways.items():
        print(f"{name:<26}{taken_ms:8.3f} ms, CPU {cpu_ms:.3f} ms, {taken_ms / SHORTEST_TURN_MS:8.3%} of a short turn")


if __name__ == "__main__":
    main()
