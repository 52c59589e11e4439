"""Edited messages: handled anew where nothing came of the first version, or where no worker has begun with it.

What came of the first version is in the record, under the message's number. What was painted or answered already is not
paid for again: the person is told so, once a message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from telegram import Message, Update
from telegram.ext import ContextTypes

from services.bot.pictures.imagine import Imagine
from services.bot.telegram.commands import command_of, words_after_command
from services.bot.telegram.incoming import Incoming
from services.bot.telegram.mentions import words_of
from services.bot.texts.locales import say
from shared.errands import Errand, ErrandKind
from shared.jobs import Address, Job
from shared.store.batches import Batches
from shared.store.errands import Errands
from shared.store.jobs import Jobs
from shared.store.updates import Updates

AsNew = Callable[[Update], Awaitable[None]]

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

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self, updates: Updates, jobs: Jobs, errands: Errands, batches: Batches, imagine: Imagine, as_new: AsNew
    ) -> None:
        """Serve them.

        Args:
            as_new: Has an update handled as that of a new message.
        """
        self._updates = updates
        self._jobs = jobs
        self._errands = errands
        self._batches = batches
        self._imagine = imagine
        self._as_new = as_new

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
        asked = Incoming.of(message, context.bot)
        outcome = await asyncio.to_thread(self._outcome, asked.address)
        if outcome.is_nothing:
            if is_recent(message):
                new = Update(update.update_id, message=message)
                new.set_bot(context.bot)
                await self._as_new(new)
        elif not await self._change(outcome, asked) and await asyncio.to_thread(self._updates.may_hint, **number):
            await asked.answer(say("edit_too_late", asked.language), quiet=True)

    def _outcome(self, address: Address) -> Outcome:
        return Outcome(
            self._jobs.asked_at(address), self._errands.asked_at(address), self._batches.is_asked_at(address)
        )

    async def _change(self, outcome: Outcome, asked: Incoming) -> bool:
        """Have the new words count instead of the old ones; False where somebody has begun with these."""
        message, us = asked.message, asked.bot.bot
        typed, is_command = command_of(message), _is_command(message)
        if outcome.job is not None and outcome.job.request.parameters.upscale is not None:
            return False
        if outcome.job is not None and outcome.errand is None:
            words = words_after_command(message) if is_command and typed else words_of(message, us)
            return await self._imagine.change(outcome.job, words, asked)
        errand = outcome.errand
        if errand is None or errand.kind is not ErrandKind.CHAT or outcome.job is not None or is_command:
            return False
        words = words_of(message, us)
        return await asyncio.to_thread(self._errands.change_text, errand.id, words)


def is_recent(message: Message) -> bool:
    """Whether a message was written not long before it was edited."""
    return message.edit_date is not None and message.edit_date - message.date <= RECENT


def _is_command(message: Message) -> bool:
    return (message.text or message.caption or "").startswith("/")
