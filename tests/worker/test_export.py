"""A person's pictures and their history as ZIPs: parts that fit, a kill in the middle, and nothing left behind."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import select, update

from services.worker.jobs.export import ExportJob
from services.worker.jobs.forget import ForgetJob
from shared.errands import Errand, ErrandKind, StoredPart
from shared.errors import ExportUnderWay
from shared.images import Images
from shared.jobs import Address, Image, Sender, State
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.personal_data import PersonalData
from tests.builders import BOT, UNCAPPED, empty, runner_of, submit_and_fail, submit_and_finish

ADA, BOB = 7, 8


class Killed(Exception):
    """Ends a worker in the middle."""


class House:
    """A record with pictures of two people, and the image store."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.images = Images(folder.as_uri())
        self.errands = Errands(database, UNCAPPED)
        self.data = PersonalData(database)

    def picture(self, idea: str = "a red fox", *, user: int = ADA, kept: bool = True) -> int:
        job = submit_and_finish(self.database, idea=idea, user=user)
        if kept:
            self.images.put(job.id, Image(f"picture {job.id}".encode(), "image/jpeg", 1, 1))
        return job.id

    def ask(self, message: int = 1) -> Errand:
        asked, _ = self.errands.submit(ErrandKind.EXPORT, {}, address=Address(BOT, ADA, message), sender=Sender(ADA))
        return asked

    def run(self, images: Images | None = None, **limits: int) -> None:
        job = ExportJob(self.errands, self.data, images or self.images, **limits)
        runner_of(self.database, handlers={ErrandKind.EXPORT: job}).run()

    def parts(self, asked: Errand) -> list[StoredPart]:
        done = self.errands.read(asked.id)
        assert done is not None
        assert done.result is not None
        return done.result["parts"]

    def archives(self, asked: Errand) -> list[zipfile.ZipFile]:
        return [zipfile.ZipFile(io.BytesIO(self.images.get(part["key"]))) for part in self.parts(asked)]


@pytest.fixture
def house(worker_database: Database, tmp_path: Path) -> House:
    empty(worker_database)
    return House(worker_database, tmp_path / "images")


def history(archive: zipfile.ZipFile) -> list[dict[str, object]]:
    return list(json.loads(archive.read("history.json")))


class TestAnExport:
    def test_holds_the_originals_and_the_history_of_one_person(self, house: House) -> None:
        mine, gone = house.picture("=HYPERLINK(1)"), house.picture("a hare", kept=False)
        failed = submit_and_fail(house.database, user=ADA, idea="a wolf").id
        house.picture("a cat", user=BOB)
        asked = house.ask()

        house.run()

        [archive] = house.archives(asked)
        [name] = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert archive.read(name) == f"picture {mine}".encode()
        told = history(archive)
        assert [(one["idea"], bool(one["file"]), one["outcome"]) for one in told] == [
            ("=HYPERLINK(1)", True, "finished"),
            ("a hare", False, "finished"),
            ("a wolf", False, "failed: service_busy"),
        ]
        rows = list(csv.reader(io.StringIO(archive.read("history.csv").decode("utf-8-sig"))))
        assert rows[0] == list(told[0])
        assert rows[1][4] == "'=HYPERLINK(1)"
        assert len({mine, gone, failed}) == 3

    def test_of_somebody_without_pictures_has_what_else_is_stored(self, house: House) -> None:
        asked = house.ask()

        house.run()

        [archive] = house.archives(asked)
        assert history(archive) == []
        assert [one["kind"] for one in json.loads(archive.read("record.json"))["errands"]] == [ErrandKind.EXPORT]

    def test_is_of_parts_that_fit(self, house: House) -> None:
        ids = [house.picture() for _ in range(5)]
        asked = house.ask()

        house.run(part_bytes=5_000)

        assert [part["pictures"] for part in house.parts(asked)] == [2, 2, 1]
        names = [name for archive in house.archives(asked) for name in archive.namelist() if "pictures/" in name]
        assert [int(name.rpartition("-")[2].removesuffix(".jpg")) for name in names] == ids

    def test_leaves_what_has_no_room_to_another_one(self, house: House) -> None:
        ids = [house.picture() for _ in range(3)]
        asked = house.ask()

        house.run(part_bytes=1, most_parts=2)

        done = house.errands.read(asked.id)
        assert done is not None
        assert done.result is not None
        assert (done.result["is_all"], done.result["last"]) == (False, ids[1])

    def test_goes_on_after_the_last_part_that_was_kept(self, house: House) -> None:
        class Dying(Images):
            def put_export(self, key: str, file: IO[bytes]) -> None:
                super().put_export(key, file)
                if key.endswith("/1.zip"):
                    raise Killed

        ids = [house.picture() for _ in range(5)]
        asked = house.ask()
        house.run(Dying(house.folder.as_uri()), part_bytes=5_000)
        assert [part["pictures"] for part in house.parts(asked)] == [2]
        with house.database.writing() as connection:
            its_own = update(tables.errands).where(tables.errands.c.id == asked.id)
            connection.execute(its_own.values(state=State.QUEUED, ended_at=None, reason=None))  # as after a kill

        house.run(part_bytes=5_000)

        told = [one for archive in house.archives(asked) for one in history(archive)]
        assert len(told) == len(ids)

    def test_is_one_at_a_time(self, house: House) -> None:
        house.picture()
        asked = house.ask()

        with pytest.raises(ExportUnderWay):
            house.ask(message=2)

        assert house.ask().id == asked.id

    def test_is_deleted_with_its_persons_data(self, house: House) -> None:
        house.picture()
        house.ask()
        house.run()
        with house.database.writing() as connection:
            connection.execute(update(tables.jobs).values(delivered_at=tables.jobs.c.created_at))
            connection.execute(update(tables.errands).values(delivered_at=tables.errands.c.created_at))
        house.errands.submit(ErrandKind.FORGET, {}, address=Address(BOT, ADA, 9), sender=Sender(ADA))

        forget = ForgetJob(house.errands, house.data, house.images)
        runner_of(house.database, handlers={ErrandKind.FORGET: forget}).run()

        assert [file for file in house.folder.rglob("*") if file.is_file()] == []
        with house.database.reading() as connection:
            assert list(connection.scalars(select(tables.errands.c.kind))) == [ErrandKind.FORGET]
