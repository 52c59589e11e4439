"""What the record and the image store have of a person is deleted: shown by a look at every column of every table."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shared.batches import BatchState
from shared.errands import Errand
from shared.jobs import Image, State
from shared.store import tables
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.personal_record import ELSEWHERE, SECRET, WHOSE, record_of
from tests.builders import RED_FOX, a_running_batch, claim, empty, submit, submit_and_claim, submit_and_finish
from tests.every_table import ADA, BOB, MONTHS_AGO, YESTERDAY, House, is_of


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    empty(database)
    return House(database, tmp_path / "images")


class TestADeletion:
    def test_leaves_nothing_but_what_is_decided_here(self, house: House) -> None:
        house.fill(ADA)
        house.fill(BOB)
        others = house.left_of(BOB)
        asked = house.ask()

        house.run()

        done = house.errands.read(asked.id)
        assert done is not None
        assert done.state is State.FINISHED, done.reason
        assert house.left_of(ADA) == {
            "access.id",  # that they were let in, or blocked, is the owner's decision
            "attempts.user_id",  # what the owner paid for this month, so that a deletion renews no budget
            "errands.user_id",  # the same of answers; and the deletion itself, until it is confirmed and the month over
            "errands.chat_id",
            "sent_files.user_id",  # sizes count for a day
            "sent_files.key",
        }
        assert house.left_of(BOB) == others
        assert house.files() == ["000000/80.png", f"sent/{BOB}/1"]
        assert done.result is not None
        assert done.result["deleted"] == {"pictures": 1, "files": 1, "batches": 1, "questions": 2, "keys": 1}

    def test_ends_with_the_month(self, house: House) -> None:
        house.fill(ADA)
        house.ask()
        house.run()
        with house.database.writing() as connection:
            connection.execute(update(tables.errands).values(ended_at=MONTHS_AGO, delivered_at=MONTHS_AGO))
            connection.execute(update(tables.attempts).values(at=MONTHS_AGO - timedelta(hours=1)))

        house.clean_up()
        house.clean_up()

        assert house.left_of(ADA) == {"access.id"}

    def test_keeps_what_it_cost(self, house: House) -> None:
        house.fill(ADA)
        house.ask()

        house.run()

        with house.database.reading() as connection:
            paid = connection.execute(select(tables.attempts)).one()
            tokens = connection.scalar(select(tables.errands.c.owner_tokens).where(tables.errands.c.owner_tokens > 0))
        assert (paid.cost, paid.pictures) != (0, 0)
        assert (paid.detail, paid.request_id) == (None, None)
        assert tokens == 10


class TestAnExport:
    def test_tells_all_that_bears_a_persons_number_or_words(self, house: House) -> None:
        house.fill(ADA)
        house.fill(BOB)

        told = record_of(house.database, ADA)

        columns = {f"{name}.{column}" for name, rows in told.items() for row in rows for column in row}
        untold = {one for one in house.left_of(ADA) - columns if one.partition(".")[0] not in ELSEWHERE}
        assert untold == {f"{table}.{column}" for table, column in SECRET} & house.left_of(ADA)
        assert not any(is_of(BOB, row) for rows in told.values() for row in rows)
        assert set(tables.metadata.tables) == WHOSE.keys() | ELSEWHERE.keys()


class TestWorkUnderWay:
    def test_is_cancelled_and_brought_home_first(self, house: House) -> None:
        queued = submit(house.database, user=ADA)
        asked = house.ask()

        house.run()

        now = house.errands.read(asked.id)
        job = Jobs(house.database).read(queued.id)
        assert now is not None
        assert now.state is State.WAITING
        assert job is not None
        assert job.state is State.CANCELLED

    def test_of_a_batch_is_cancelled_and_deleted_with_it(self, house: House) -> None:
        a_running_batch(house.database, 5, user=ADA)
        claim(house.database)
        asked = house.ask()
        house.run()
        with house.database.reading() as connection:
            assert set(connection.scalars(select(tables.jobs.c.state))) == {State.CANCELLED}
            assert connection.scalar(select(tables.batches.c.state)) == BatchState.CANCELLED
        with house.database.writing() as connection:
            connection.execute(update(tables.batches).values(delivered_at=YESTERDAY))
        self.let_go(house, asked)

        house.run()

        assert {one.partition(".")[0] for one in house.left_of(ADA)} == {"errands"}

    def test_of_a_worker_leaves_no_picture_behind(self, house: House) -> None:
        job = submit_and_claim(house.database, user=ADA)
        Jobs(house.database).keep_prompt(job, RED_FOX)
        asked = house.ask()
        house.run()
        self.let_go(house, asked)
        house.run()

        house.images.put(job.id, Image(b"a fox", "image/png", 1, 1))  # its worker has not heard of it
        with house.database.writing() as connection:
            connection.execute(update(tables.errands).values(ended_at=YESTERDAY))
        house.clean_up()

        assert house.files() == []

    def let_go(self, house: House, asked: Errand) -> None:
        with house.database.writing() as connection:
            connection.execute(update(tables.jobs).values(delivered_at=YESTERDAY))
            its_own = update(tables.errands).where(tables.errands.c.id == asked.id)
            connection.execute(its_own.values(state=State.QUEUED, not_before=None))


class TestAWorkerThatIsKilled:
    def test_is_gone_on_from_where_it_was(self, house: House) -> None:
        for _ in range(3):
            job = submit_and_finish(house.database, user=ADA)
            house.images.put(job.id, Image(b"a fox", "image/jpeg", 1, 1))
        with house.database.writing() as connection:
            connection.execute(update(tables.jobs).values(delivered_at=YESTERDAY))
        asked = house.ask()
        some = house.data.next_pictures(asked)
        house.images.delete(some.keys[:2])  # and then it was killed, twice: before and after the record was changed

        house.run()

        done = house.errands.read(asked.id)
        assert done is not None
        assert done.result is not None
        assert done.result["deleted"]["pictures"] == 3
        assert house.files() == []
