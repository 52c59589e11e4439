"""What people sent and nobody needs is deleted, by any number of workers."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from services.worker.housekeeping import EVERY_S, FILES_A_LOOK, Housekeeping
from shared.errands import Errand, ErrandKind
from shared.errors import FileNotUnderstood, ImagineError, PictureUnreadable, ServiceBusy, StoreAway
from shared.images import Images
from shared.jobs import Address, Attempt, Job, Picture, Request, Sender
from shared.retention import Retention
from shared.store import tables
from shared.store.aging import Aging
from shared.store.batches import Batches
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.personal_data import PersonalData
from shared.store.sent_files import SentFiles
from tests.builders import ALREADY_OVER, BOT, empty, keep_sent, runner_of

ADA = Sender(7)
WEEK = timedelta(days=7)
KEPT = Retention(files=WEEK, updates=WEEK, details=WEEK, pictures=WEEK, chats=WEEK)


class House:
    """A record and an image store, and housekeepers whose clock is moved by hand."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.images = Images(folder.as_uri())
        self.files = SentFiles(database)
        self.batches = Batches(database)
        self.data = PersonalData(database)
        self.folder = folder
        self.now = 0.0

    def housekeeping(self, images: Images | None = None) -> Housekeeping:
        images = images or self.images
        return Housekeeping(
            self.files, self.batches, self.data, Aging(self.database), images, retention=KEPT, clock=lambda: self.now
        )

    def keep(self, number: int, **ago: float) -> str:
        """Keep a file that was sent so long ago; returns its key."""
        key = keep_sent(self.images, 7, number, b"a fox")
        self.files.make_room(key, ADA, 5)
        sent_at = datetime.now(UTC) - timedelta(**ago)
        with self.database.writing() as connection:
            sent = update(tables.sent_files).where(tables.sent_files.c.key == key)
            connection.execute(sent.values(kept_at=sent_at))
        return key

    def there(self) -> list[str]:
        return sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())


@pytest.fixture
def house(worker_database: Database, tmp_path: Path) -> House:
    empty(worker_database)
    return House(worker_database, tmp_path / "images")


class TestTheRounds:
    def test_delete_what_is_old_and_tell_how_much(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        house.keep(1, days=8)
        young = house.keep(2, days=6)
        caplog.set_level(logging.INFO)

        house.housekeeping().look()

        assert house.there() == [young]
        [told] = [vars(one) for one in caplog.records if one.message == "cleaned up"]
        figures = {name: told[name] for name in ("old_files", "refused_files", "rows", "batches")}
        assert figures == {"old_files": 1, "refused_files": 0, "rows": 1, "batches": 0}

    def test_come_every_hour(self, house: House) -> None:
        keeper = house.housekeeping()
        keeper.look()
        house.keep(1, days=8)

        keeper.look()
        assert house.there()
        house.now += EVERY_S
        keeper.look()
        assert not house.there()

    def test_go_on_at_the_next_look_where_there_is_much(self, house: House) -> None:
        rows = [
            {"key": f"sent/7/{number}", "user_id": 7, "bytes": 1, "kept_at": datetime.now(UTC) - 2 * WEEK}
            for number in range(FILES_A_LOOK + 1)
        ]
        with house.database.writing() as connection:
            connection.execute(tables.sent_files.insert(), rows)
        keeper = house.housekeeping()

        keeper.look()
        assert len(house.files.claim_old(WEEK, limit=9)) == 1

    def test_of_two_workers_share_the_work(self, house: House) -> None:
        house.keep(1, days=8)
        claimed = house.files.claim_old(WEEK, limit=9)

        house.housekeeping().look()

        assert house.there() == claimed

    def test_that_a_store_interrupts_are_made_up_for(self, house: House) -> None:
        file = house.folder / house.keep(1, days=8)
        file.unlink()
        (file / "in its way").mkdir(parents=True)
        with pytest.raises(StoreAway):
            house.housekeeping().look()

        (file / "in its way").rmdir()
        file.rmdir()
        file.write_bytes(b"a fox")
        with house.database.writing() as connection:
            connection.execute(update(tables.sent_files).values(leased_until=datetime.now(UTC) + ALREADY_OVER))
        house.housekeeping().look()
        assert house.there() == []

    def test_take_a_file_that_is_gone_already_for_deleted(self, house: House) -> None:
        house.images.delete_sent([house.keep(1, days=8)])

        house.housekeeping().look()

        assert house.files.claim_old(WEEK, limit=9) == []

    def test_never_delete_a_picture_of_ours(self, house: House) -> None:
        with pytest.raises(ValueError, match="only what people sent"):
            house.images.delete_sent(["sent/7/1", "000000/1.jpg"])


class Failing:
    """Work that ends so."""

    def __init__(self, error: ImagineError) -> None:
        self._error = error

    def run(self, work: Job | Errand, attempts: list[Attempt] | None = None) -> None:
        raise self._error


class TestAFileOfWhichNothingCanBeMade:
    @pytest.mark.parametrize(
        ("error", "is_deleted"), [(PictureUnreadable(), True), (FileNotUnderstood(), True), (ServiceBusy(), False)]
    )
    def test_of_a_question_is_deleted_soon(self, house: House, error: ImagineError, is_deleted: bool) -> None:
        key = house.keep(1)
        keeper = house.housekeeping()
        keeper.look()
        question = {"picture": {"key": key, "media_type": "image/png"}}
        Errands(house.database).submit(ErrandKind.DESCRIBE, question, address=Address(BOT, 7, 1), sender=ADA)

        runner_of(house.database, handlers={ErrandKind.DESCRIBE: Failing(error)}).run()
        keeper.look()

        assert house.there() == ([] if is_deleted else [key])

    def test_of_an_idea_is_deleted_when_its_last_picture_has_failed(self, house: House) -> None:
        keeper = house.housekeeping()
        keeper.look()
        request = Request("at night", count=2, picture=Picture(house.keep(1), "image/png"))
        Jobs(house.database).submit(request, address=Address(BOT, 7, 1), sender=ADA)
        runner = runner_of(house.database, painting=Failing(PictureUnreadable()))

        runner._run_one()
        keeper.look()
        assert house.there()
        runner._run_one()
        keeper.look()
        assert house.there() == []
