"""``/queue`` and ``/cancel``: what one has asked for here and not got yet, and how to end it."""

import asyncio
from itertools import groupby

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from telegram.ext import ContextTypes

from services.bot import keyboards
from services.bot.captions import idea_of, shorten
from services.bot.handlers.addresses import address_of, answer, sender_of
from services.bot.locales import say
from services.bot.status import sentence
from shared.jobs import Job, Stage, State
from shared.queue import Tickets
from shared.store.jobs import Jobs

MOST_SHOWN = 8
MAX_IDEA_SHOWN = 60  # UTF-16 units


class Queue:
    """Shows people what they wait for, and ends it where they no longer want it."""

    def __init__(self, jobs: Jobs, tickets: Tickets) -> None:
        self._jobs = jobs
        self._tickets = tickets

    async def queue(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/queue``: list what one waits for here."""
        message = update.effective_message
        if message is not None:
            await self._show(message, await self._mine(message, context.bot.id), context)

    async def cancel(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/cancel``: end what it replies to; alone the only request, and of several show all."""
        message = update.effective_message
        if message is None:
            return
        mine = await self._mine(message, context.bot.id)
        asked = message.reply_to_message
        # In a topic every message replies to the one that opened it.
        if asked is not None and asked.forum_topic_created is None:
            ids = {asked.message_id}
            mine = [
                request
                for request in mine
                if {one.address.message_id for one in request} & ids or _status(request) in ids
            ]
        elif len(mine) > 1:
            await self._show(message, mine, context)
            return
        language = sender_of(message).language
        ended = await asyncio.to_thread(self.end, mine[-1]) if mine else False
        text = say("request_cancelled" if ended else "nothing_to_cancel", language)
        await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))

    def end(self, request: list[Job]) -> bool:
        """Cancel what has not ended of a request; whether there was something. Blocks."""
        cancelled = self._jobs.cancel(job.id for job in request)
        if cancelled:
            self._tickets.send(len(cancelled))  # Held ones may have come into the line.
        return bool(cancelled)

    async def _mine(self, message: Message, bot_id: int) -> list[list[Job]]:
        jobs = await asyncio.to_thread(
            self._jobs.not_ended, sender_of(message).id, bot_id=bot_id, chat_id=message.chat_id
        )
        jobs.sort(key=lambda job: (job.address.message_id, job.address.request_key, job.number))
        return [list(group) for _, group in groupby(jobs, key=lambda job: job.address.request_key)]

    async def _show(self, message: Message, requests: list[list[Job]], context: ContextTypes.DEFAULT_TYPE) -> None:
        language = sender_of(message).language
        to = answer(address_of(message, context.bot.id))
        if not requests:
            await context.bot.send_message(text=say("queue_empty", language), **to)
            return
        lines = [say("queue_title", language, n=len(requests))]
        buttons = []
        for number, request in enumerate(requests[:MOST_SHOWN], 1):
            idea = shorten(idea_of(request[0]), MAX_IDEA_SHOWN)
            state = await asyncio.to_thread(self._describe, request[0], language)
            lines.append(say("queue_line", language, number=number, idea=idea) + f"\n{state}")
            data = keyboards.data(keyboards.CANCEL, request[0].id)
            buttons.append(InlineKeyboardButton(f"✖ {number}", callback_data=data))
        rows = [buttons[start : start + keyboards.A_ROW] for start in range(0, len(buttons), keyboards.A_ROW)]
        await context.bot.send_message(text="\n".join(lines), reply_markup=InlineKeyboardMarkup(rows), **to)

    def _describe(self, job: Job, language: str) -> str:
        if job.state in {State.QUEUED, State.HELD} and job.claims == 0:
            return sentence(f"{Stage.QUEUED}:{self._jobs.position(job.id) or 1}", language)
        return sentence(str(job.stage), language)


def _status(request: list[Job]) -> int | None:
    return next((job.status_message_id for job in request if job.status_message_id is not None), None)
