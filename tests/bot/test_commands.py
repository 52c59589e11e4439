"""Commands in texts and in captions."""

from datetime import UTC, datetime

import pytest
from telegram import Chat, Message, MessageEntity, User

from services.bot.telegram.commands import command_of, is_captioned, words_after_command

BOT = User(42, "Painter", is_bot=True, username="Paint_Bot")
ADA = User(7, "Ada", is_bot=False)


def a_message(words: str, *, captioned: bool = True) -> Message:
    """A message in which everything that looks like a command is one, as Telegram marks it."""
    starts = [at for at, letter in enumerate(words) if letter == "/"]
    entities = [MessageEntity(MessageEntity.BOT_COMMAND, at, len(words[at:].split(maxsplit=1)[0])) for at in starts]
    content = {"caption": words, "caption_entities": entities} if captioned else {"text": words, "entities": entities}
    return Message(99, datetime.now(UTC), Chat(7, Chat.PRIVATE), from_user=ADA, **content)


class TestACaption:
    @pytest.mark.parametrize("words", ["/imagine", "/imagine a fox", "/IMAGINE@paint_bot a fox", "/imagine\na fox"])
    def test_that_begins_with_the_command_is_one(self, words: str) -> None:
        assert is_captioned(a_message(words), "imagine", BOT)

    @pytest.mark.parametrize(
        "words", ["a fox", "a fox /imagine", "/imagine@other_bot a fox", "/imagined", "/describe", "/"]
    )
    def test_that_says_something_else_is_none(self, words: str) -> None:
        assert not is_captioned(a_message(words), "imagine", BOT)

    def test_of_a_text_is_none(self) -> None:
        assert not is_captioned(a_message("/imagine a fox", captioned=False), "imagine", BOT)


class TestTheWords:
    @pytest.mark.parametrize("captioned", [False, True])
    @pytest.mark.parametrize("words", ["/imagine a fox", "/imagine@paint_bot a fox"])
    def test_come_after_the_command(self, words: str, *, captioned: bool) -> None:
        message = a_message(words, captioned=captioned)

        assert command_of(message) == words.split(maxsplit=1)[0]
        assert words_after_command(message) == " a fox"
