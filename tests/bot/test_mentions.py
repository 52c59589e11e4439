"""Whether a message without a command is meant for the bot."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Chat, InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity, PhotoSize, User

from services.bot.telegram.mentions import is_for_gemini, mentions, words_of

BOT = User(42, "Painter", is_bot=True, username="Paint_Bot")
ADA = User(7, "Ada", is_bot=False)
PRIVATE, GROUP = Chat(7, Chat.PRIVATE), Chat(-5, Chat.GROUP)
PHOTO = (PhotoSize("f", "u", 9, 9),)


def a_message(text: str | None = None, chat: Chat = GROUP, sender: User = ADA, **fields: Any) -> Message:
    return Message(5, datetime.now(UTC), chat, from_user=sender, text=text, **fields)


def named(text: str, *, name: str = "@paint_bot") -> Message:
    mark = MessageEntity(MessageEntity.MENTION, text.index(name), len(name))
    return a_message(text, entities=[mark])


def of_ours(text: str | None, *data: str, **fields: Any) -> Message:
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton(one, callback_data=one) for one in data]]) if data else None
    return a_message(text, sender=BOT, reply_markup=buttons, **fields)


class TestMentions:
    def test_a_name_is_found_however_it_is_written(self) -> None:
        assert mentions(named("hey @PAINT_bot!", name="@PAINT_bot"), BOT) == ["@PAINT_bot"]

    def test_another_bots_name_is_none(self) -> None:
        assert mentions(named("hey @other_bot", name="@other_bot"), BOT) == []

    def test_a_mention_without_a_name_is_found(self) -> None:
        mark = MessageEntity(MessageEntity.TEXT_MENTION, 0, 7, user=BOT)

        assert mentions(a_message("Painter, hello", entities=[mark]), BOT) == ["Painter"]

    def test_words_come_without_the_name(self) -> None:
        assert words_of(named("@paint_bot what is a fox?"), BOT) == "what is a fox?"


class TestWhatIsMeantForGemini:
    def test_all_words_in_private(self) -> None:
        assert is_for_gemini(a_message("hello", PRIVATE), BOT)

    def test_a_picture_in_private(self) -> None:
        assert is_for_gemini(a_message(chat=PRIVATE, photo=PHOTO), BOT)

    def test_neither_words_nor_file_is_not(self) -> None:
        assert not is_for_gemini(a_message(chat=PRIVATE), BOT)

    @pytest.mark.parametrize("chat", [PRIVATE, GROUP])
    def test_a_command_is_not(self, chat: Chat) -> None:
        assert not is_for_gemini(a_message("/imagine @paint_bot", chat), BOT)

    def test_in_a_group_what_names_the_bot(self) -> None:
        assert is_for_gemini(named("hey @paint_bot"), BOT)
        assert not is_for_gemini(a_message("hey"), BOT)

    @pytest.mark.parametrize("data", [(), ("stop 4",), ("draw 4",)])
    def test_in_a_group_what_replies_to_an_answer(self, data: tuple[str, ...]) -> None:
        assert is_for_gemini(a_message("and then?", reply_to_message=of_ours("A fox is", *data)), BOT)

    @pytest.mark.parametrize("data", [("set ratio",), ("again 4",), ("stop 4", "again 4"), ("nonsense",)])
    def test_in_a_group_what_replies_to_a_menu_is_not(self, data: tuple[str, ...]) -> None:
        assert not is_for_gemini(a_message("and then?", reply_to_message=of_ours("Settings", *data)), BOT)

    def test_in_a_group_what_replies_to_a_picture_is_not(self) -> None:
        assert not is_for_gemini(a_message("nice", reply_to_message=of_ours(None, photo=PHOTO)), BOT)

    def test_in_a_group_what_replies_to_a_person_is_not(self) -> None:
        assert not is_for_gemini(a_message("nice", reply_to_message=a_message("look", sender=ADA)), BOT)
