"""When a provider is left alone, and who tries it again."""

from datetime import UTC, datetime, timedelta

import pytest

from services.worker.painters.circuit_breaker import FAILURES, LONGEST_OPEN, OPEN, TRIAL, CircuitBreaker, after_failure
from services.worker.painters.painter import Target
from shared.errors import BadPicture, ModelLoading, ModelNotServed, ServiceBusy, ServiceUnreachable, StoreAway
from shared.store.circuits import Circuit, Circuits
from shared.store.database import Database

TARGET = Target("org/name", "fal-ai", "fal-ai/name")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(circuits: Circuits, clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(circuits, clock=clock)


def fail(breaker: CircuitBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.tell(TARGET, ServiceBusy())


class TestOpening:
    def test_a_fresh_circuit_lets_everybody_pass(self, breaker: CircuitBreaker):
        assert breaker.admit(TARGET) == 0

    def test_failures_in_a_row_open_it(self, breaker: CircuitBreaker):
        fail(breaker, FAILURES - 1)
        assert breaker.admit(TARGET) == 0

        fail(breaker, 1)
        assert breaker.admit(TARGET) == OPEN.total_seconds()

    def test_a_success_in_between_starts_the_count_again(self, breaker: CircuitBreaker):
        fail(breaker, FAILURES - 1)
        breaker.tell(TARGET, None)
        fail(breaker, FAILURES - 1)

        assert breaker.admit(TARGET) == 0

    @pytest.mark.parametrize("error", [ModelLoading(), ModelNotServed(), BadPicture("black")])
    def test_an_answer_that_is_no_trouble_of_the_service_is_no_failure(self, breaker: CircuitBreaker, error: Exception):
        for _ in range(10):
            breaker.tell(TARGET, error)

        assert breaker.admit(TARGET) == 0

    def test_silence_is_a_failure(self, breaker: CircuitBreaker):
        for _ in range(FAILURES):
            breaker.tell(TARGET, ServiceUnreachable())

        assert breaker.admit(TARGET) > 0

    def test_other_models_of_the_provider_are_not_touched(self, breaker: CircuitBreaker):
        fail(breaker)

        assert breaker.admit(Target("org/other", "fal-ai", "x")) == 0

    def test_calls_that_were_under_way_when_it_opened_do_not_prolong_it(self, breaker: CircuitBreaker):
        fail(breaker, 3 * FAILURES)

        assert breaker.admit(TARGET) == OPEN.total_seconds()


class TestTrial:
    def test_when_its_time_is_over_one_job_tries(self, breaker: CircuitBreaker, clock: Clock):
        fail(breaker)
        clock.move(OPEN)

        assert breaker.admit(TARGET) == 0
        assert breaker.admit(TARGET) == TRIAL.total_seconds()

    def test_a_good_trial_closes_it(self, breaker: CircuitBreaker, clock: Clock):
        fail(breaker)
        clock.move(OPEN)
        breaker.admit(TARGET)

        breaker.tell(TARGET, None)

        assert [breaker.admit(TARGET) for _ in range(3)] == [0, 0, 0]

    def test_a_bad_trial_opens_it_for_longer(self, breaker: CircuitBreaker, clock: Clock):
        fail(breaker)
        clock.move(OPEN)
        breaker.admit(TARGET)

        fail(breaker, 1)

        assert breaker.admit(TARGET) == 2 * OPEN.total_seconds()

    def test_a_trial_whose_worker_died_is_repeated(self, breaker: CircuitBreaker, clock: Clock):
        fail(breaker)
        clock.move(OPEN)
        breaker.admit(TARGET)

        clock.move(TRIAL)

        assert breaker.admit(TARGET) == 0

    def test_it_never_stays_open_beyond_measure(self):
        circuit = Circuit(openings=1_000, open_until=NOON, on_trial=True)

        opened = after_failure(circuit, NOON)

        assert opened.open_until == NOON + LONGEST_OPEN


class AwayStore:
    def read(self, provider: str, model: str) -> Circuit:
        raise StoreAway

    def swap(self, provider: str, model: str, *, old: Circuit, new: Circuit) -> bool:
        raise StoreAway


class RacedStore(Circuits):
    """Another worker notes a failure just before our first write."""

    swaps = 0

    def swap(self, provider: str, model: str, *, old: Circuit, new: Circuit) -> bool:
        self.swaps += 1
        if self.swaps == 1:
            super().swap(provider, model, old=old, new=Circuit(failures=1))
        return super().swap(provider, model, old=old, new=new)


class TestTheStore:
    def test_one_that_is_away_lets_everybody_pass(self):
        breaker = CircuitBreaker(AwayStore())

        breaker.tell(TARGET, ServiceBusy())

        assert breaker.admit(TARGET) == 0

    def test_a_healthy_circuit_is_not_written(self, worker_database: Database, circuits: Circuits):
        store = RacedStore(worker_database)

        CircuitBreaker(store).tell(TARGET, None)

        assert store.swaps == 0

    def test_a_lost_race_counts_what_the_winner_wrote(self, worker_database: Database, circuits: Circuits):
        store = RacedStore(worker_database)

        CircuitBreaker(store).tell(TARGET, ServiceBusy())

        assert store.swaps == 2
        assert circuits.read(TARGET.provider, TARGET.model).failures == 2
