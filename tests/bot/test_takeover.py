"""Who starts in a bot's place takes its deliveries over at once where it is dead, and leaves them where it lives."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from services.bot.intake.takeover import TakeOver
from shared.errors import StoreAway
from shared.store.database import Database
from shared.store.outbox import Outbox
from shared.store.process_locks import ProcessLock
from tests.builders import BOT, submit_and_finish
from tests.servers import away
from tests.sqlite_tables import create_tables


@pytest.fixture
def database(migrated_postgres_url: str) -> Iterator[Database]:
    """A database in Postgres with a delivery that a bot has claimed."""
    with Database(migrated_postgres_url) as opened:
        claim_one(opened)
        yield opened


def claim_one(database: Database) -> None:
    submit_and_finish(database)
    assert len(Outbox(database).claim(BOT, limit=1)) == 1


def a_lock(database: Database) -> "closing[ProcessLock]":
    return closing(ProcessLock(database, "bot"))


def take_over(database: Database, lock: ProcessLock) -> tuple[bool, int]:
    """Begin in another one's place, without patience; returns what became of it, and how many deliveries are free."""
    outbox = Outbox(database)
    begun = asyncio.run(TakeOver(BOT, lock, [outbox]).begin(patience_s=0))
    return begun, len(outbox.claim(BOT, limit=9))


@pytest.mark.distributed
class TestWithPostgres:
    def test_one_that_is_dead_leaves_its_deliveries(self, database: Database) -> None:
        with a_lock(database) as mine:
            assert take_over(database, mine) == (True, 1)

    def test_one_that_lives_keeps_its_deliveries(self, database: Database) -> None:
        with a_lock(database) as others, a_lock(database) as mine:
            others.keep()

            assert take_over(database, mine) == (False, 0)

    def test_nobody_is_taken_for_dead_while_the_database_is_away(self, database: Database) -> None:
        with a_lock(database) as mine, away(database), pytest.raises(StoreAway):
            take_over(database, mine)


def test_in_one_process_the_start_is_proof_enough(tmp_path) -> None:
    with Database(f"sqlite:///{tmp_path / 'g2d.db'}") as sqlite, a_lock(sqlite) as mine:
        create_tables(sqlite)
        claim_one(sqlite)

        assert take_over(sqlite, mine) == (True, 1)
