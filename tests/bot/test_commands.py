"""Commands in texts and in captions."""

import re
from datetime import UTC, datetime

import pytest
from telegram import Chat, Message, MessageEntity, User

from services.bot.telegram.commands import IMAGINE, command_of, is_captioned, words_after_command

BOT = User(42, "Painter", is_bot=True, username="Paint_Bot")
ADA = User(7, "Ada", is_bot=False)


def a_message(words: str, *, captioned: bool = True) -> Message:
    """A message in which everything that looks like a command is one, as Telegram marks it."""
    found = re.finditer(r"/(\w+(@\w+)?)?", words)
    entities = [MessageEntity(MessageEntity.BOT_COMMAND, one.start(), len(one[0])) for one in found]
    content = {"caption": words, "caption_entities": entities} if captioned else {"text": words, "entities": entities}
    return Message(99, datetime.now(UTC), Chat(7, Chat.PRIVATE), from_user=ADA, **content)


class TestACaption:
    @pytest.mark.parametrize(
        "words",
        ["/imagine", "/imagine a fox", "/IMAGINE@paint_bot a fox", "/imagine\na fox", "/img a fox", "/paint: a fox"],
    )
    def test_that_begins_with_the_command_is_one(self, words: str) -> None:
        assert is_captioned(a_message(words), IMAGINE, BOT)

    @pytest.mark.parametrize(
        "words", ["a fox", "a fox /imagine", "/imagine@other_bot a fox", "/imagined", "/describe", "/"]
    )
    def test_that_says_something_else_is_none(self, words: str) -> None:
        assert not is_captioned(a_message(words), IMAGINE, BOT)

    def test_of_a_text_is_none(self) -> None:
        assert not is_captioned(a_message("/imagine a fox", captioned=False), IMAGINE, BOT)


class TestTheWords:
    @pytest.mark.parametrize("captioned", [False, True])
    @pytest.mark.parametrize("words", ["/imagine a fox", "/imagine@paint_bot a fox"])
    def test_come_after_the_command(self, words: str, *, captioned: bool) -> None:
        message = a_message(words, captioned=captioned)

        assert command_of(message) == words.split(maxsplit=1)[0]
        assert words_after_command(message) == " a fox"

    @pytest.mark.parametrize(
        "words",
        [
            "/imagine: a fox",
            "/imagine:a fox",
            "/imagine, a fox",
            "/imagine - a fox",
            "/imagine — a fox",
            "/imagine： a fox",
        ],
    )
    def test_begin_after_a_colon_or_the_like(self, words: str) -> None:
        assert words_after_command(a_message(words)).strip() == "a fox"

    @pytest.mark.parametrize("words", [":) a smiley", ":D", "--ar 16:9", "—ar 16:9", "-5 degrees", ": ) a smiley"])
    def test_keep_what_is_no_separator(self, words: str) -> None:
        kept = {": ) a smiley": ") a smiley"}.get(words, words)

        assert words_after_command(a_message(f"/imagine {words}")).strip() == kept
