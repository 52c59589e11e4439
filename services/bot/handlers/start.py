"""``/start``, ``/help``, and what is said to those who say something else."""

from telegram import Update
from telegram.ext import ContextTypes

from services.bot.handlers.addresses import address_of, answer, sender_of
from services.bot.locales import say


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer ``/start``: say hello and what to type."""
    await _tell("start", update, context)


async def tell_help(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer ``/help``."""
    await _tell("help", update, context)


async def hint(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer anything else in a private chat with the one thing to type."""
    await _tell("hint", update, context)


async def _tell(key: str, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.effective_message
    if message is not None:
        address = address_of(message, context.bot.id)
        await context.bot.send_message(text=say(key, sender_of(message).language), **answer(address))
