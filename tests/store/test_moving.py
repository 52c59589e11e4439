"""A whole record moves from SQLite to Postgres: every column of every table, also when it was broken off."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from shared.store import tables
from shared.store.database import Database
from shared.store.moving import Move, TargetDiffers
from tests.builders import submit
from tests.every_table import ADA, BOB, OF_NOBODY, PASSING, House

pytestmark = pytest.mark.distributed


@pytest.fixture
def house(sqlite: Database, tmp_path: Path) -> House:
    made = House(sqlite, tmp_path / "images")
    made.fill(ADA)
    made.fill(BOB)
    for number, name in enumerate(sorted(OF_NOBODY | PASSING)):
        made.add(tables.metadata.tables[name], ADA, number)
    return made


def everything(database: Database) -> dict[str, list[object]]:
    """What Python reads of all tables; search terms are spelled differently in each database."""
    read = [table for table in tables.metadata.sorted_tables if table is not tables.picture_terms]
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in read
        }


class TestAMove:
    def test_takes_every_column_of_every_table_along(self, house: House, postgres: Database) -> None:
        move = Move(house.database, postgres)

        moved = {name: move.copy(name) for name in move.names}
        move.count_on()

        assert min(one.rows for one in moved.values()) >= 1
        assert everything(postgres) == everything(house.database)
        assert moved == {name: move.sum_of(postgres, name) for name in move.names}
        last = max(house.job_of(ADA), house.job_of(BOB))
        assert submit(postgres, user=9).id > last

    def test_that_was_broken_off_goes_on(self, house: House, postgres: Database) -> None:
        move = Move(house.database, postgres)
        move.copy("jobs")
        with postgres.writing() as connection:
            connection.execute(delete(tables.jobs).where(tables.jobs.c.user_id == ADA))

        assert move.copy("jobs") == move.sum_of(house.database, "jobs")

    def test_into_a_database_of_others_is_refused(self, house: House, postgres: Database) -> None:
        move = Move(house.database, postgres)
        with postgres.writing() as connection:
            connection.execute(
                insert(tables.edit_hints).values(bot_id=1, chat_id=1, message_id=1, at=datetime.now(UTC))
            )

        with pytest.raises(TargetDiffers, match="edit_hints"):
            move.copy("edit_hints")

    def test_finds_a_single_value_that_differs(self, house: House, postgres: Database) -> None:
        move = Move(house.database, postgres)
        move.copy("keys")
        with postgres.writing() as connection:
            connection.execute(update(tables.keys).where(tables.keys.c.user_id == ADA).values(last_four="0000"))

        with pytest.raises(TargetDiffers):
            move.copy("keys")
