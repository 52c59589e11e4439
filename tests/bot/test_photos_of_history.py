"""A picture of the history is shown by its file id, by its original, smaller, or not at all; and the id is kept."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telegram import Chat, Message, PhotoSize
from telegram.error import BadRequest, TelegramError

from services.bot.pictures.history.photos import Photo, Photos
from services.bot.telegram.errors import EntityTooLarge
from services.contact_sheet import empty_picture
from shared.images import Images
from shared.jobs import Image, Job
from shared.store.database import Database
from shared.store.history import History
from tests.bot.delivery_rig import a_noise
from tests.builders import BOT, read, submit_and_finish

UNKNOWN = BadRequest("Wrong file identifier/HTTP URL specified")


class Chatroom:
    """Takes photos, but refuses the first ones."""

    def __init__(self, *refusals: TelegramError) -> None:
        self.refusals = list(refusals)
        self.tried: list[Photo] = []

    async def show(self, photo: Photo) -> Message:
        self.tried.append(photo)
        if self.refusals:
            raise self.refusals.pop(0)
        size = PhotoSize("AgAC-new", "unique", 8, 8)
        return Message(1, datetime.now(UTC), Chat(7, Chat.PRIVATE), photo=[size])

    @property
    def sizes(self) -> list[int]:
        return [len(str(one)) if isinstance(one, str) else len(one.data) for one in self.tried]


class House:
    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.images = database, Images(folder.as_uri())
        self.history = History(database, BOT)

    def picture(self, data: bytes | None, file_id: str | None = None) -> Job:
        job = submit_and_finish(self.database)
        if data is not None:
            self.images.put(job.id, Image(data, "image/jpeg", 8, 8))
        if file_id is not None:
            self.history.keep_file_id(job.id, file_id)
        return read(self.database, job)

    def show(self, job: Job, room: Chatroom) -> str | None:
        """Show it; returns the file id that the record has afterwards."""
        asyncio.run(Photos(self.history, self.images).show(job, room.show))
        return read(self.database, job).file_id


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path / "images")


def test_what_telegram_knows_is_not_uploaded(house: House) -> None:
    room = Chatroom()

    assert house.show(house.picture(b"a fox", "AgAC-old"), room) == "AgAC-old"
    assert room.tried == ["AgAC-old"]


@pytest.mark.parametrize("file_id", [None, "AgAC-old"])
def test_else_the_original_is_and_its_id_is_kept(house: House, file_id: str | None) -> None:
    room = Chatroom(*([UNKNOWN] if file_id else []))

    assert house.show(house.picture(b"a fox", file_id), room) == "AgAC-new"
    assert room.sizes[-1] == len(b"a fox")


def test_another_refusal_of_the_id_is_not_hidden(house: House) -> None:
    with pytest.raises(BadRequest, match="not enough rights"):
        house.show(house.picture(b"a fox", "AgAC-old"), Chatroom(BadRequest("not enough rights to send photos")))


def test_one_that_is_too_large_is_tried_smaller(house: House) -> None:
    original, room = a_noise(700), Chatroom(EntityTooLarge("Request Entity Too Large"))

    assert house.show(house.picture(original), room) == "AgAC-new"
    first, second = room.sizes
    assert second < first == len(original)


@pytest.mark.parametrize("data", [None, b"no picture at all"])
def test_of_one_that_is_gone_or_not_taken_an_empty_one_stands_there(house: House, data: bytes | None) -> None:
    room = Chatroom(*([] if data is None else [BadRequest("IMAGE_PROCESS_FAILED")]))

    assert house.show(house.picture(data), room) is None
    assert room.sizes[-1] == len(empty_picture())


def test_a_failure_that_is_not_about_the_picture_is_not_hidden(house: House) -> None:
    with pytest.raises(BadRequest, match="chat not found"):
        house.show(house.picture(b"a fox"), Chatroom(BadRequest("chat not found")))
