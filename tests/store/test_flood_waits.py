"""Flood waits in the record."""

import pytest

from shared.store.database import Database
from shared.store.flood_waits import FloodWaits
from tests.builders import BOT


class TestFloodWaits:
    def test_another_process_knows_what_is_closed_and_for_how_long(self, database: Database) -> None:
        FloodWaits(database, BOT).close("-100", 480)

        closed = FloodWaits(database, BOT).closed()

        assert closed == {"-100": pytest.approx(480, abs=30)}
        assert closed["-100"] <= 480

    def test_those_that_are_over_are_forgotten(self, database: Database) -> None:
        waits = FloodWaits(database, BOT)
        waits.close("-100", 0)

        assert waits.closed() == {}

    def test_the_last_word_holds(self, database: Database) -> None:
        waits = FloodWaits(database, BOT)
        waits.close("getFile", 30)
        waits.close("getFile", 3_000)

        assert waits.closed()["getFile"] > 2_000

    def test_bots_have_their_own(self, database: Database) -> None:
        FloodWaits(database, BOT + 1).close("-100", 480)

        assert FloodWaits(database, BOT).closed() == {}
