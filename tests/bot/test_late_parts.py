"""Texts that a client has cut, of which a part came too late or is not shown to the bot."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Chat, Message, MessageEntity, User

from services.bot.intake.annotations import LATE
from services.bot.intake.late_parts import is_late, may_go_on
from services.bot.intake.split_texts import LIMIT_UNITS

BOT = User(42, "Painter", is_bot=True, username="paint_bot")
ADA = User(7, "Ada", is_bot=False)


def a_message(text: str, **fields: Any) -> Message:
    typed = text.split(maxsplit=1)[0]
    kind = MessageEntity.BOT_COMMAND if typed.startswith("/") else MessageEntity.MENTION
    entities = [MessageEntity(kind, 0, len(typed))] if typed[0] in "/@" else []
    return Message(5, datetime.now(UTC), Chat(-5, Chat.GROUP), from_user=ADA, text=text, entities=entities, **fields)


def filled(start: str) -> str:
    """A text that begins so and fills a message."""
    return start.ljust(LIMIT_UNITS, "x")


def test_a_part_that_was_marked_is_late() -> None:
    assert is_late(a_message("and so on", api_kwargs={LATE: True}))
    assert not is_late(a_message("and so on"))


@pytest.mark.parametrize("start", ["/imagine a fox ", "/imagine@paint_bot a fox ", "@paint_bot tell me of "])
def test_a_full_message_for_the_bot_may_go_on(start: str) -> None:
    assert may_go_on(a_message(filled(start)), BOT)


@pytest.mark.parametrize("start", ["/imagine@other_bot a fox ", "@other_bot tell me of ", "people among themselves "])
def test_one_for_others_is_none_of_ours(start: str) -> None:
    assert not may_go_on(a_message(filled(start)), BOT)


def test_a_short_one_was_not_cut() -> None:
    assert not may_go_on(a_message("/imagine a fox"), BOT)
