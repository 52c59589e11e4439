"""Handles parts of a split text that came too late to be joined."""

from telegram import Message, Update, User
from telegram.ext import ContextTypes

from services.bot.intake.annotations import LATE
from services.bot.intake.split_texts import is_full
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.commands import command_of, is_for
from services.bot.telegram.mentions import is_for_gemini
from services.bot.texts.locales import say


def is_late(message: Message) -> bool:
    """Whether a message goes on with a text that was being handled when it came."""
    return bool(message.api_kwargs.get(LATE))


async def came_too_late(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Say that this part was not taken for a message of its own."""
    await _reply("part_too_late", update, context)


def may_go_on(message: Message, bot: User) -> bool:
    """Whether a message in a group is for this bot, and may go on in one that the bot is not shown."""
    if not is_full(message.text or ""):
        return False
    typed = command_of(message)
    is_command = bool(typed) and (message.text or "").startswith(typed) and is_for(typed, bot)
    return is_command or is_for_gemini(message, bot)


async def say_that_it_may_go_on(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Say that only the first part has come: in groups the bot sees what names it, and the rest doesn't."""
    await _reply("part_not_seen", update, context)


async def _reply(key: str, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.effective_message
    if message is not None:
        where = answer(address_of(message, context.bot.id))
        text = say(key, sender_of(message).language)
        await context.bot.send_message(text=text, **where, disable_notification=True)
