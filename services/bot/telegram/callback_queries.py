"""What all presses of buttons share: they are answered at once, and may change the message that they stand under."""

from typing import Any

from telegram import Bot, CallbackQuery, InlineKeyboardMarkup, MaybeInaccessibleMessage
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError

from services.bot.telegram.addresses import visible


async def acknowledge(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """Answer a press, so that the button stops waiting."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError:
        # An answer that comes too late is refused; the press counts all the same.
        return


async def rewrite(
    bot: Bot,
    message: MaybeInaccessibleMessage,
    text: str,
    keyboard: InlineKeyboardMarkup | None,
    where: dict[str, Any] | None = None,
) -> None:
    """Make the message under which a button was pressed say something else, as Telegram HTML.

    What a message of long ago says, Telegram keeps to itself, and nobody can change it: then it is said anew.

    Args:
        where: The place to say it anew, as arguments of a call; the chat unless told.
    """
    if visible(message) is None:
        place = where or {"chat_id": message.chat.id, "parse_mode": ParseMode.HTML}
        await bot.send_message(text=text, reply_markup=keyboard, **place)
    else:
        await edit(bot, message.chat.id, message.message_id, text, keyboard)


async def edit(bot: Bot, chat_id: int, message_id: int, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
    """Make a message of ours say something else, as Telegram HTML, if it is still there."""
    try:
        await bot.edit_message_text(text, chat_id, message_id, parse_mode=ParseMode.HTML, reply_markup=keyboard)
    except BadRequest:
        # Not modified by a second press, or deleted meanwhile.
        return
