"""Tickets of one process: each is one turn in a slot, and the end waits for the turns under way."""

import threading
from collections.abc import Callable, Iterator

import pytest

from services.health import Sign
from services.worker.takers.local_worker import LocalWorker
from shared.tickets import LocalTickets

PATIENCE_S = 10.0
Start = Callable[[Callable[[], None]], LocalWorker]


@pytest.fixture
def tickets() -> LocalTickets:
    return LocalTickets()


@pytest.fixture
def start(tickets: LocalTickets) -> Iterator[Start]:
    """Starts a worker with two slots, whose turns do this."""
    started: list[LocalWorker] = []

    def starting(turn: Callable[[], None]) -> LocalWorker:
        started.append(LocalWorker(tickets, turn, Sign(), name="worker", slots=2))
        started[-1].start()
        return started[-1]

    yield starting
    for worker in started:
        worker.stop(PATIENCE_S)


class TestLocalWorker:
    def test_each_ticket_is_one_turn(self, tickets: LocalTickets, start: Start) -> None:
        turns = threading.Semaphore(0)
        worker = start(turns.release)

        tickets.send(5)

        assert all(turns.acquire(timeout=PATIENCE_S) for _ in range(5))
        worker.stop(PATIENCE_S)
        assert not turns.acquire(blocking=False)
        assert not worker.is_alive

    def test_no_more_turns_at_a_time_than_slots(self, tickets: LocalTickets, start: Start) -> None:
        begun, gate = threading.Semaphore(0), threading.Event()

        def turn() -> None:
            begun.release()
            gate.wait(PATIENCE_S)

        start(turn)
        tickets.send(3)

        assert all(begun.acquire(timeout=PATIENCE_S) for _ in range(2))
        assert not begun.acquire(timeout=0.1)
        assert tickets.on_their_way() == 1
        gate.set()
        assert begun.acquire(timeout=PATIENCE_S)

    def test_a_turn_that_fails_keeps_its_slot_for_the_next(self, tickets: LocalTickets, start: Start) -> None:
        turns = threading.Semaphore(0)

        def turn() -> None:
            turns.release()
            raise ZeroDivisionError

        start(turn)
        tickets.send(6)

        assert all(turns.acquire(timeout=PATIENCE_S) for _ in range(6))

    def test_it_is_alive_as_long_as_a_turn_is_under_way(self, tickets: LocalTickets, start: Start) -> None:
        begun, gate = threading.Event(), threading.Event()

        def turn() -> None:
            begun.set()
            gate.wait(PATIENCE_S)

        worker = start(turn)
        tickets.send()
        assert begun.wait(PATIENCE_S)

        worker.stop(0.05)
        assert worker.is_alive

        gate.set()
        worker.stop(PATIENCE_S)
        assert not worker.is_alive
