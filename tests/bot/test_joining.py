"""A text that a client has cut is handled as one."""

import asyncio
import json

import pytest
from telegram import Bot, Update

from sandbox.client import Json
from services.bot.intake.joining import whole
from shared.store.database import Database
from shared.store.updates import RawUpdate, Updates
from tests.builders import BOT

WRITER = Bot(f"{BOT}:TEST")
CUT = "a red fox in the snow " * 180  # nearly fills a message


def a_text(number: int, words: str) -> Json:
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {
        "update_id": number,
        "message": {"message_id": number, "date": 1, "chat": chat, "from": sender, "text": words},
    }


def taken(updates: Updates, *bodies: Json) -> Update:
    """Write texts down as the poller does, all as parts of the first; returns that one as the library reads it."""
    first, *parts = bodies
    updates.keep([RawUpdate(first["update_id"], json.dumps(first))])
    updates.keep([RawUpdate(one["update_id"], json.dumps(one), part_of=first["update_id"]) for one in parts])
    update = Update.de_json(first, WRITER)
    assert update is not None
    return update


def text_of(update: Update) -> str:
    assert update.message is not None
    return update.message.text or ""


@pytest.fixture
def updates(database: Database) -> Updates:
    return Updates(database, BOT)


def test_a_short_text_is_whole_already(updates: Updates) -> None:
    update = taken(updates, a_text(10, "/imagine a fox"), a_text(11, "How are you?"))

    assert asyncio.run(whole(update, updates, WRITER)) is update


def test_what_is_no_text_is_left_alone(updates: Updates) -> None:
    assert asyncio.run(whole(Update(10), updates, WRITER)).message is None


def test_the_parts_are_put_together_and_ticked_off(updates: Updates) -> None:
    update = taken(updates, a_text(10, f"/imagine {CUT}"), a_text(11, CUT), a_text(12, "with a hat"))

    joined = text_of(asyncio.run(whole(update, updates, WRITER)))

    assert joined.startswith("/imagine a red fox")
    assert joined.count("a red fox") == 2 * 180
    assert joined.endswith("with a hat")
    assert updates.unhandled(limit=9) == [10]


def test_the_same_again_gives_the_same(updates: Updates) -> None:
    update = taken(updates, a_text(10, CUT), a_text(11, "with a hat"))
    first = text_of(asyncio.run(whole(update, updates, WRITER)))

    updates.keep([RawUpdate(12, json.dumps(a_text(12, "and a scarf")), part_of=10)])

    assert text_of(asyncio.run(whole(update, updates, WRITER))) == first
