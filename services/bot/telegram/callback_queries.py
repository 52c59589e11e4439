"""What all presses of buttons share: they are answered at once, and may change the message that they stand under."""

from collections.abc import Callable, Hashable
from typing import Any

from telegram import Bot, CallbackQuery, InlineKeyboardMarkup
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


def first_word(data: str) -> str:
    """What a button acts on where its first word tells it."""
    return data.partition(" ")[0]


def is_shown(query: CallbackQuery, thing: Callable[[str], Hashable] = first_word) -> bool:
    """Whether the message of a press still shows a button that acts on the same thing.

    A changed client sends any data from any message. So what changes the message asks this first: else the buttons of
    one's own pictures would overwrite other people's.

    Args:
        thing: What a button's data act on.
    """
    message = visible(query.message) if query.message is not None else None
    if message is None or message.reply_markup is None:
        return False
    buttons = [button.callback_data for row in message.reply_markup.inline_keyboard for button in row]
    return thing(query.data or "") in {thing(data) for data in buttons if isinstance(data, str)}


async def rewrite(
    bot: Bot,
    query: CallbackQuery,
    text: str,
    keyboard: InlineKeyboardMarkup | None,
    *,
    thing: Callable[[str], Hashable] = first_word,
    where: dict[str, Any] | None = None,
) -> None:
    """Make the message under which a button was pressed say something else, as Telegram HTML.

    What a message of long ago says, Telegram keeps to itself, and nobody can change it: then it is said anew. One that
    shows no such button stays as it is.

    Args:
        thing: What a button's data act on.
        where: The place to say it anew, as arguments of a call; the chat unless told.
    """
    message = query.message
    if message is None:
        return
    if visible(message) is None:
        place = where or {"chat_id": message.chat.id, "parse_mode": ParseMode.HTML}
        await bot.send_message(text=text, reply_markup=keyboard, **place)
    elif is_shown(query, thing):
        await edit(bot, message.chat.id, message.message_id, text, keyboard)


async def edit(bot: Bot, chat_id: int, message_id: int, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
    """Make a message of ours say something else, as Telegram HTML, if it is still there."""
    try:
        await bot.edit_message_text(text, chat_id, message_id, parse_mode=ParseMode.HTML, reply_markup=keyboard)
    except BadRequest:
        # Not modified by a second press, or deleted meanwhile.
        return
