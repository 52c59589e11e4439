"""The messages that hold an answer: sent into the right place, and edited whether or not they are still there."""

from typing import Any

from telegram import Bot, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import BadRequest

from services.bot.telegram.addresses import reply_to
from services.bot.texts.markdown import Piece
from shared.errands import Errand

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


def messages_of(errand: Errand) -> list[int]:
    """Ids of the messages in which an answer stands, first to last."""
    return list((errand.shown or {}).get("messages", ()))


async def edit(
    bot: Bot,
    errand: Errand,
    message_id: int,
    piece: Piece,
    keyboard: InlineKeyboardMarkup | None,
    *,
    tries: int | None = None,
) -> bool:
    """Put words into a message; False where it is gone.

    Raises:
        TelegramError: Telegram could not be asked, or refused for another reason.
    """
    try:
        await bot.edit_message_text(
            piece.text,
            chat_id=errand.address.chat_id,
            message_id=message_id,
            entities=piece.entities,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
            rate_limit_args=tries,  # type: ignore[call-arg]
        )
    except BadRequest as error:
        text = error.message.lower()
        if "not modified" in text:
            return True
        if "message to edit not found" in text or "can't be edited" in text:
            return False
        raise
    return True


async def post(bot: Bot, errand: Errand, piece: Piece, keyboard: InlineKeyboardMarkup | None) -> int:
    """Send a message that answers the question, in its topic if that is still there; returns its id.

    Raises:
        TelegramError: Telegram could not be asked, or refused.
    """
    address = errand.address
    content: dict[str, Any] = {
        "chat_id": address.chat_id,
        "text": piece.text,
        "entities": piece.entities,
        "reply_parameters": reply_to(address),
        "link_preview_options": NO_PREVIEW,
        "reply_markup": keyboard,
    }
    try:
        message = await bot.send_message(**content, message_thread_id=address.topic_id)
    except BadRequest as error:
        if address.topic_id is None or "thread not found" not in error.message.lower():
            raise
        message = await bot.send_message(**content)
    return message.message_id
