"""Exports, deletions and moves whose process is killed in the middle go on, lose nothing and leave nothing behind."""

import io
import json
import multiprocessing
import threading
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import event, update

from services.worker.jobs.export import ExportJob
from shared.errands import ErrandKind
from shared.images import Images
from shared.jobs import Address, Image, Sender, State
from shared.store import tables
from shared.store.database import Database
from shared.store.errands import Errands
from shared.store.moving import Move
from tests.builders import BOT, UNCAPPED, empty, runner_of, submit_and_finish, turns_of
from tests.every_table import ADA, BOB, House

PATIENCE_S = 120.0  # a machine may be busy with more than us
PART_BYTES = 5_000  # two pictures
_spawn = multiprocessing.get_context("spawn")


def killed_in_the_middle(target: Callable[..., None], *arguments: str) -> None:
    """Have a process work until it says that it is in the middle, and kill it there."""
    reached = _spawn.Event()
    process = _spawn.Process(target=target, args=(reached, *arguments))
    process.start()
    was_there = reached.wait(PATIENCE_S)
    process.kill()
    process.join()
    process.close()
    assert was_there


def stop_here(reached: Event) -> None:
    reached.set()
    threading.Event().wait()


class DyingImages(Images):
    """A store under which the process dies: before the second part of an export, or after a deleted picture."""

    reached: Event

    def put_export(self, key: str, file: IO[bytes]) -> None:
        if key.endswith("/1.zip"):
            stop_here(self.reached)
        super().put_export(key, file)

    def delete(self, keys: Iterable[str]) -> None:
        super().delete(list(keys)[:1])
        stop_here(self.reached)

    def keep_sent(self, key: str, data: bytes) -> None:
        super().keep_sent(key, data)
        stop_here(self.reached)


def work(reached: Event, url: str, folder: str) -> None:
    """Be a worker that does what is asked for."""
    with Database(url) as database:
        house, images = House(database, Path(folder)), DyingImages(Path(folder).as_uri())
        images.reached = reached
        handlers = {
            ErrandKind.EXPORT: ExportJob(house.errands, house.data, images, part_bytes=PART_BYTES),
            ErrandKind.FORGET: house.job(images),
        }
        runner_of(database, handlers=handlers).run()


def move(reached: Event, url: str, to: str) -> None:
    """Move row by row, until the second job is written and not yet committed."""
    with Database(url) as source, Database(to) as target:
        inserted = []

        @event.listens_for(target.engine, "after_cursor_execute")
        def _(*executed: object) -> None:
            if "INSERT INTO jobs" in str(executed[2]):
                inserted.append(executed)
                if len(inserted) == 2:
                    stop_here(reached)

        going = Move(source, target, at_once=1)
        for name in going.names:
            going.copy(name)


def move_images(reached: Event, here: str, there: str) -> None:
    """Copy one picture."""
    source, target = Images(here), DyingImages(there)
    target.reached = reached
    for key in list(source.keys()):
        source.copy(key, target)


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    empty(database)
    return House(database, tmp_path / "images")


def pictures(house: House, count: int) -> list[int]:
    """Have so many pictures made for Ada, and delivered."""
    ids = [submit_and_finish(house.database, user=ADA).id for _ in range(count)]
    for job_id in ids:
        house.images.put(job_id, Image(f"picture {job_id}".encode(), "image/jpeg", 1, 1))
    with house.database.writing() as connection:
        connection.execute(update(tables.jobs).values(delivered_at=datetime.now(UTC)))
    return ids


def test_an_export_has_every_picture_once(house: House) -> None:
    ids = pictures(house, 5)
    errands = Errands(house.database, UNCAPPED)
    asked, _ = errands.submit(ErrandKind.EXPORT, {}, address=Address(BOT, ADA, 1), sender=Sender(ADA))

    killed_in_the_middle(work, url_of(house.database), str(house.folder))
    turns_of(house.database).release(None)
    handler = ExportJob(errands, house.data, house.images, part_bytes=PART_BYTES)
    runner_of(house.database, handlers={ErrandKind.EXPORT: handler}).run()

    done = errands.read(asked.id)
    assert done is not None
    assert done.result is not None
    archives = [zipfile.ZipFile(io.BytesIO(house.images.get(part["key"]))) for part in done.result["parts"]]
    told = [one["file"] for archive in archives for one in json.loads(archive.read("history.json"))]
    assert [int(name.rpartition("-")[2].removesuffix(".jpg")) for name in told] == ids
    assert [sum("pictures/" in name for name in archive.namelist()) for archive in archives] == [2, 2, 1]


def test_a_deletion_leaves_nothing_and_counts_each_once(house: House) -> None:
    pictures(house, 3)
    asked = house.ask()

    killed_in_the_middle(work, url_of(house.database), str(house.folder))
    assert len(house.files()) == 2
    turns_of(house.database).release(None)
    house.run()

    done = house.errands.read(asked.id)
    assert done is not None
    assert done.state is State.FINISHED
    assert done.result is not None
    assert done.result["deleted"]["pictures"] == 3
    assert house.files() == []
    assert house.left_of(ADA) <= {"errands.user_id", "errands.chat_id"}


@pytest.mark.distributed
def test_a_move_ends_with_the_same_rows(sqlite: Database, postgres: Database, tmp_path: Path) -> None:
    house = House(sqlite, tmp_path / "images")
    house.fill(ADA)
    house.fill(BOB)
    going = Move(sqlite, postgres)

    killed_in_the_middle(move, url_of(sqlite), url_of(postgres))
    assert going.sum_of(postgres, "jobs").rows == 1
    moved = {name: going.copy(name) for name in going.names}

    assert moved == {name: going.sum_of(postgres, name) for name in going.names}
    assert moved["jobs"].rows == 2


def test_a_move_of_pictures_ends_with_the_same_files(tmp_path: Path) -> None:
    here, there = (tmp_path / "here").as_uri(), (tmp_path / "there").as_uri()
    source = Images(here)
    keys = [source.put(number, Image(b"a fox" * number, "image/png", 1, 1)) for number in range(1, 4)]

    killed_in_the_middle(move_images, here, there)
    assert len(list(Images(there).keys())) == 1
    sizes = [source.copy(key, Images(there)) for key in list(source.keys())]

    assert sizes.count(0) == 1
    assert [Images(there).get(key) for key in keys] == [source.get(key) for key in keys]
