"""Replies to our pictures: which one is meant, and what stays as it was asked for there."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Chat, Document, Message, PhotoSize, User

from services.bot.pictures.edits import RECENT, is_recent
from services.bot.pictures.replies import follow, is_to_picture, picture_before
from shared.jobs import Job, Parameters, Request
from shared.store.database import Database
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox
from tests.builders import BOT, a_job, read, submit_and_finish

US, ADA = User(BOT, "Painter", is_bot=True), User(7, "Ada", is_bot=False)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def a_message(number: int, sender: User, **fields: Any) -> Message:
    return Message(number, NOW, Chat(7, Chat.PRIVATE), from_user=sender, **fields)


def a_photo(number: int = 4, sender: User = US) -> Message:
    return a_message(number, sender, photo=(PhotoSize("f", "u", 9, 9),))


def a_file(name: str | None, media_type: str | None = None, sender: User = US) -> Message:
    return a_message(4, sender, document=Document("f", "u", file_name=name, mime_type=media_type))


def a_reply(replied: Message | None) -> Message:
    return a_message(5, ADA, text="make it blue", reply_to_message=replied)


class TestRecognising:
    @pytest.mark.parametrize(
        "replied", [a_photo(), a_file("17.png"), a_file("17.jpg", "image/jpeg"), a_file(None, "image/png")]
    )
    def test_a_picture_of_ours_is_one(self, replied: Message) -> None:
        assert is_to_picture(a_reply(replied), BOT)

    @pytest.mark.parametrize(
        "replied",
        [None, a_photo(sender=ADA), a_file("17.txt"), a_file("17.zip", "application/zip"), a_message(4, US, text="Hi")],
    )
    def test_anything_else_is_none(self, replied: Message | None) -> None:
        assert not is_to_picture(a_reply(replied), BOT)


class TestFinding:
    def found(self, database: Database, replied: Message) -> Job | None:
        return asyncio.run(picture_before(a_reply(replied), BOT, Jobs(database)))

    def test_a_picture_is_found_by_the_number_of_its_message(self, database: Database) -> None:
        job = submit_and_finish(database, user=7)
        Outbox(database).delivered(job.id, message_id=4)

        assert self.found(database, a_photo(4)) == read(database, job)

    def test_an_original_is_found_by_its_name(self, database: Database) -> None:
        job = submit_and_finish(database, user=7)

        assert self.found(database, a_file(f"{job.id}.png")) == job

    def test_one_of_another_chat_is_not_found(self, database: Database) -> None:
        job = submit_and_finish(database, user=8)

        assert self.found(database, a_file(f"{job.id}.png")) is None

    def test_one_that_the_record_does_not_know_is_not_found(self, database: Database) -> None:
        assert self.found(database, a_photo(4)) is None


class TestFollowing:
    BEFORE = a_job(request=Request("a red fox", Parameters(model="a/b", style="anime", width=640, height=480, steps=9)))

    def test_what_is_not_fixed_anew_stays(self) -> None:
        request = Request("make it blue")

        parameters = follow(request, self.BEFORE, usual=request)

        assert (parameters.model, parameters.style, parameters.width, parameters.height) == ("a/b", "anime", 640, 480)
        assert parameters.steps is None

    def test_a_ratio_takes_the_place_of_a_size(self) -> None:
        request = Request("make it blue", Parameters(ratio=(1, 1), model="c/d"))

        parameters = follow(request, self.BEFORE, usual=request)

        assert (parameters.ratio, parameters.width, parameters.height) == ((1, 1), None, None)
        assert (parameters.model, parameters.style) == ("c/d", "anime")


class TestEdits:
    @pytest.mark.parametrize(("after", "recent"), [(RECENT / 2, True), (RECENT, True), (RECENT * 2, False)])
    def test_an_old_message_is_no_order_any_more(self, after: Any, *, recent: bool) -> None:
        assert is_recent(a_message(5, ADA, text="a fox", edit_date=NOW + after)) is recent
