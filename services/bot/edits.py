"""A message that was edited: it counts where nothing has come of it before, or where nobody has begun with it.

What came of the first version is in the record, under the message's number. What was painted or answered already is not
paid for again: the person is told so, once a message.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from telegram import Message, Update
from telegram.ext import ContextTypes

from services.bot.chat.handler import words_of
from services.bot.intake.application import DurableApplication
from services.bot.locales import say
from services.bot.pictures.imagine import Imagine
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.commands import command_of, words_after_command
from shared.errands import Errand, Kind
from shared.jobs import Address, Job
from shared.store.batches import Batches
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.updates import Updates

RECENT = timedelta(hours=1)  # how long after it was written an edited message may still be an order


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the first version of a message."""

    job: Job | None = None
    errand: Errand | None = None
    is_batch: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether the message was not understood, refused, or answered with words alone."""
        return self.job is None and self.errand is None and not self.is_batch


class Edits:
    """Serves edited messages."""

    def __init__(self, updates: Updates, jobs: Jobs, errands: Errands, batches: Batches, imagine: Imagine) -> None:
        self._updates = updates
        self._jobs = jobs
        self._errands = errands
        self._batches = batches
        self._imagine = imagine

    async def handle(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Decide what becomes of an edited message.

        Telegram also sends an edit when something else than the words has changed, such as the preview of a link.
        """
        message = update.edited_message
        if message is None:
            return
        number = {"chat_id": message.chat_id, "message_id": message.message_id}
        before = await asyncio.to_thread(self._updates.words_before, update.update_id, **number)
        if before == (message.text or message.caption or ""):
            return
        address = address_of(message, context.bot.id)
        outcome = await asyncio.to_thread(self._outcome, address)
        if outcome.is_nothing:
            if is_recent(message):
                await _handle_as_new(update, message, context)
        elif not await self._change(outcome, message, context) and await asyncio.to_thread(
            self._updates.may_hint, **number
        ):
            await _reply("edit_too_late", message, context)

    def _outcome(self, address: Address) -> Outcome:
        return Outcome(
            self._jobs.asked_at(address), self._errands.asked_at(address), self._batches.is_asked_at(address)
        )

    async def _change(self, outcome: Outcome, message: Message, context: ContextTypes.DEFAULT_TYPE) -> bool:
        """Have the new words count instead of the old ones; False where somebody has begun with these."""
        typed, is_command = command_of(message), _is_command(message)
        if outcome.job is not None and outcome.errand is None:
            words = words_after_command(message) if is_command and typed else words_of(message, context.bot.bot)
            return await self._imagine.change(outcome.job, words, message, context)
        errand = outcome.errand
        if errand is None or errand.kind is not Kind.CHAT or outcome.job is not None or is_command:
            return False
        words = words_of(message, context.bot.bot)
        return await asyncio.to_thread(self._errands.change_text, errand.id, words)


def is_recent(message: Message) -> bool:
    """Whether a message was written not long before it was edited."""
    return message.edit_date is not None and message.edit_date - message.date <= RECENT


def _is_command(message: Message) -> bool:
    return (message.text or message.caption or "").startswith("/")


async def _handle_as_new(update: Update, message: Message, context: ContextTypes.DEFAULT_TYPE) -> None:
    new = Update(update.update_id, message=message)
    new.set_bot(context.bot)
    application = context.application
    if isinstance(application, DurableApplication):
        await application.handle_as_new(new)


async def _reply(key: str, message: Message, context: ContextTypes.DEFAULT_TYPE) -> None:
    text = say(key, sender_of(message).language)
    where = answer(address_of(message, context.bot.id))
    await context.bot.send_message(text=text, **where, disable_notification=True)
