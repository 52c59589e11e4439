"""Whether a message without a command is meant for the bot, and what it says to it. Pure."""

from telegram import Message, MessageEntity, User
from telegram.constants import ChatType

from services.bot.telegram.callback_data import DRAW, STOP, read_record
from services.bot.telegram.files import sent_with

OF_AN_ANSWER = (STOP, DRAW)


def is_for_gemini(message: Message, bot: User) -> bool:
    """Whether a message without a command is meant for Gemini.

    In private that is all that it can read; elsewhere what mentions the bot, or replies to one of its texts.
    """
    if not message.text and sent_with(message) is None:
        return False
    if (message.text or message.caption or "").startswith("/"):
        return False
    return message.chat.type == ChatType.PRIVATE or bool(mentions(message, bot)) or _continues(message, bot)


def words_of(message: Message, bot: User) -> str:
    """What a message says, without the bot's name."""
    text = message.text or message.caption or ""
    for name in mentions(message, bot):
        if name.startswith("@"):
            text = text.replace(name, "", 1)
    return text.strip()


def mentions(message: Message, bot: User) -> list[str]:
    """The places where a message names the bot, as they are written."""
    kinds: list[str | None] = [MessageEntity.MENTION, MessageEntity.TEXT_MENTION]
    found = message.parse_entities(kinds) if message.text else message.parse_caption_entities(kinds)
    return [
        name
        for entity, name in found.items()
        if (entity.user.id == bot.id if entity.user else name.casefold() == f"@{bot.username}".casefold())
    ]


def _continues(message: Message, bot: User) -> bool:
    """Whether a message replies to a text of the bot that is no control of something else."""
    replied = message.reply_to_message
    if replied is None or replied.from_user is None or replied.from_user.id != bot.id or not replied.text:
        return False
    rows = replied.reply_markup.inline_keyboard if replied.reply_markup else ()
    wanted = [read_record(str(button.callback_data)) for row in rows for button in row]
    return all(one is not None and one.action in OF_AN_ANSWER for one in wanted)
