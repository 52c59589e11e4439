"""How providers have been doing, where all workers see it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.store.circuits import Circuit, Circuits
from shared.store.database import Database

FAL = ("fal-ai", "org/model")
FRESH = Circuit()
OPEN = Circuit(failures=5, openings=1, open_until=datetime.now(UTC) + timedelta(seconds=30))


@pytest.fixture
def circuits(database: Database) -> Circuits:
    return Circuits(database)


class TestCircuits:
    def test_one_of_which_nothing_is_known_is_fresh(self, circuits: Circuits) -> None:
        assert circuits.read(*FAL) == FRESH

    def test_what_was_written_is_read_to_the_microsecond(self, circuits: Circuits) -> None:
        assert circuits.swap(*FAL, old=FRESH, new=OPEN)

        assert circuits.read(*FAL) == OPEN

    def test_every_provider_and_model_has_its_own(self, circuits: Circuits) -> None:
        circuits.swap(*FAL, old=FRESH, new=OPEN)

        assert circuits.read("fal-ai", "org/other") == FRESH
        assert circuits.read("replicate", "org/model") == FRESH

    @pytest.mark.parametrize(
        "meanwhile",
        [
            replace(OPEN, failures=6),
            replace(OPEN, openings=2),
            replace(OPEN, open_until=None),
            replace(OPEN, on_trial=True),
        ],
        ids=["failures", "openings", "open_until", "on_trial"],
    )
    def test_a_swap_fails_when_anything_changed_meanwhile(self, circuits: Circuits, meanwhile: Circuit) -> None:
        circuits.swap(*FAL, old=FRESH, new=meanwhile)

        assert not circuits.swap(*FAL, old=OPEN, new=FRESH)
        assert not circuits.swap(*FAL, old=FRESH, new=OPEN)
        assert circuits.read(*FAL) == meanwhile

    def test_a_circuit_that_closed_again_is_as_good_as_fresh(self, circuits: Circuits) -> None:
        circuits.swap(*FAL, old=FRESH, new=OPEN)
        circuits.swap(*FAL, old=OPEN, new=FRESH)

        assert circuits.swap(*FAL, old=FRESH, new=OPEN)

    @pytest.mark.parametrize("old", [FRESH, OPEN], ids=["unknown", "known"])
    def test_one_of_many_who_swap_at_once_wins(self, circuits: Circuits, old: Circuit) -> None:
        if old != FRESH:
            circuits.swap(*FAL, old=FRESH, new=old)
        barrier = threading.Barrier(8)

        def swap(number: int) -> Circuit | None:
            new = replace(OPEN, openings=100 + number)
            barrier.wait()
            return new if circuits.swap(*FAL, old=old, new=new) else None

        with ThreadPoolExecutor(8) as pool:
            winners = [new for new in pool.map(swap, range(8)) if new]

        assert winners == [circuits.read(*FAL)]
