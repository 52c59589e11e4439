"""Which idea a follow-up goes back to."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from services.bot.pictures.lineage import MAX_BEFORE, idea_before
from shared.jobs import Job
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import Jobs
from tests.builders import read, submit

Grow = Callable[..., Job]


@pytest.fixture
def grow(database: Database) -> Grow:
    """Asks for a picture that goes back to another one."""

    def grow(idea: str, parent: Job | int | None = None, origin: str | None = None) -> Job:
        job = submit(database, idea=idea)
        parent_id = parent.id if isinstance(parent, Job) else parent
        its_own = update(tables.jobs).where(tables.jobs.c.id == job.id)
        with database.writing() as connection:
            connection.execute(its_own.values(parent_id=parent_id, origin=origin))
        return read(database, job)

    return grow


def test_it_is_the_first_of_all(database: Database, grow: Grow) -> None:
    first = grow("a red fox")
    night = grow("at night", first, "follow 1")
    again = grow("at night", night, "again 1")

    assert idea_before(grow("with a hat", again, "follow 2"), Jobs(database)) == "a red fox"


@pytest.mark.parametrize("origin", [None, "again 1"])
def test_there_is_none_where_nothing_was_changed(database: Database, grow: Grow, origin: str | None) -> None:
    parent = grow("a red fox") if origin else None

    assert idea_before(grow("a red fox", parent, origin), Jobs(database)) == ""


def test_an_edited_prompt_is_a_beginning(database: Database, grow: Grow) -> None:
    edited = grow("a blue whale", grow("a red fox"), "edit 1")

    assert idea_before(grow("at night", edited, "follow 1"), Jobs(database)) == "a blue whale"


def test_where_the_record_has_forgotten_the_first_it_is_the_oldest_that_is_left(database: Database, grow: Grow) -> None:
    orphan = grow("at night", 999_999, "follow 1")

    assert idea_before(grow("with a hat", orphan, "follow 2"), Jobs(database)) == "at night"


def test_a_row_without_end_is_not_followed_to_its_end(database: Database, grow: Grow) -> None:
    one = grow("step 0")
    for step in range(1, MAX_BEFORE + 5):
        one = grow(f"step {step}", one, "follow 1")

    assert idea_before(one, Jobs(database)) == "step 4"
