"""What all presses of buttons share: they are answered at once."""

from telegram import CallbackQuery
from telegram.error import TelegramError


async def acknowledge(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """Answer a press, so that the button stops waiting."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError:
        # An answer that comes too late is refused; the press counts all the same.
        return
