"""``/queue`` and ``/cancel``: what one has asked for here and not got yet, how to end it, and how to get it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from telegram.ext import ContextTypes

from services.bot.batches.delivery import BatchDelivery
from services.bot.help import start
from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.pictures.captions import idea_of, shorten
from services.bot.pictures.status import Status, describe_delivery, sentence
from services.bot.queue.undelivered import Undelivered
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.permissions import Action, Subject
from services.bot.telegram.refusals import explain
from services.bot.texts.button_rows import in_rows
from shared.batches import Batch, BatchState
from shared.errands import Errand, Kind
from shared.jobs import ENDED, Job, State
from shared.queue import BackgroundTickets
from shared.store.batches import Batches
from shared.store.chats import Chats
from shared.store.jobs import Jobs

A_PAGE = 8
MAX_IDEA_SHOWN = 60  # UTF-16 units
# Whose list, what to end, which page to show.
PRESSES = re.compile(r"queue (-?\d{1,18}) (\w{1,20}) (\d{1,4})", re.ASCII)
ALL, REQUEST, BATCH, NOTHING, SEND = "all", "r", "b", "nothing", "send"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one waits for: a request, a batch, or an answer that could not be delivered.

    Attributes:
        jobs: Those of the request that have not ended; where all have, those that have not been delivered.
    """

    jobs: tuple[Job, ...] = ()
    batch: Batch | None = None
    errand: Errand | None = None

    @property
    def name(self) -> str:
        """What a button that ends it calls it."""
        return f"{REQUEST}{self.jobs[0].id}" if self.jobs else f"{BATCH}{self.batch.id}" if self.batch else ""

    @property
    def messages(self) -> set[int | None]:
        """The message that asked, and the one that tells how it stands."""
        if self.batch is not None:
            return {self.batch.address.message_id, self.batch.status_message_id}
        if self.errand is not None:
            return {self.errand.address.message_id}
        return {job.address.message_id for job in self.jobs} | {job.status_message_id for job in self.jobs}

    @property
    def has_ended(self) -> bool:
        """Whether only its delivery is left."""
        return self.errand is not None or (self.batch is None and self.jobs[0].state in ENDED)

    @property
    def is_undelivered(self) -> bool:
        """Whether its delivery was given up."""
        return self.errand is not None or (self.batch is None and self.jobs[0].undelivered_reason is not None)

    @property
    def pieces(self) -> int:
        """How many pictures or answers it is."""
        return len(self.jobs) if self.errand is None else 1


class Queue:
    """Shows people what they wait for, ends it where they no longer want it, and sends what could not be delivered."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        jobs: Jobs,
        batches: Batches,
        chats: Chats,
        undelivered: Undelivered,
        tickets: BackgroundTickets,
        status: Status,
        batch_delivery: BatchDelivery,
        authorization: Authorization,
    ) -> None:
        self._jobs = jobs
        self._batches = batches
        self._chats = chats
        self._undelivered = undelivered
        self._tickets = tickets
        self._status = status
        self._batch_delivery = batch_delivery
        self._authorization = authorization

    async def start(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/start``: say hello, and offer what could not be delivered here."""
        await start.start(update, context)
        message = update.effective_message
        if message is None:
            return
        sender = sender_of(message)
        if count := await asyncio.to_thread(self._undelivered.count, context.bot.id, message.chat_id, sender.id):
            await context.bot.send_message(
                text=say("undelivered_offer", sender.language, n=count),
                reply_markup=InlineKeyboardMarkup.from_button(_send_button(count, sender.id, sender.language)),
                **answer(address_of(message, context.bot.id)),
            )

    async def queue(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/queue``: list what one waits for here."""
        message = update.effective_message
        if message is not None:
            mine = await self._mine(sender_of(message).id, message.chat_id, context)
            await self._show(message, mine, context)

    async def cancel(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/cancel``: end what it replies to; alone the only thing, and of several show all."""
        message = update.effective_message
        if message is None:
            return
        mine = await self._mine(sender_of(message).id, message.chat_id, context)
        asked, language = message.reply_to_message, sender_of(message).language
        # In a topic every message replies to the one that opened it.
        if asked is not None and asked.forum_topic_created is None:
            mine = [one for one in mine if asked.message_id in one.messages]
        elif len(mine) > 1:
            await self._show(message, mine, context)
            return
        text = say(await self._end_all(mine[-1:]), language)
        await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn a page of the list, or do what its button says; then the list says what is left."""
        query = update.callback_query
        wanted = PRESSES.fullmatch(query.data or "") if query is not None else None
        if query is None or wanted is None or query.message is None:
            return
        language = query.from_user.language_code or "en"
        person_id, chat_id, user_id, name = query.from_user.id, query.message.chat.id, int(wanted[1]), wanted[2]
        mine = await self._mine(user_id, chat_id, context)
        # A forged list of a chat that waits for nothing here is nobody's; Telegram is not asked for its admins.
        may = bool(mine) or user_id in {person_id, chat_id}
        list_of = Subject(context.bot.id, chat_id, user_id)
        if not may or not await self._authorization.allows(Action.USE_QUEUE, person_id, chat_id, list_of):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        said = await self._do(name, mine)
        await acknowledge(query, said and say(said, language))
        mine = await self._mine(user_id, chat_id, context)
        text, markup = await asyncio.to_thread(self._page, mine, user_id, int(wanted[3]), language)
        await rewrite(context.bot, query, text, markup, thing=_list_of)

    async def _do(self, name: str, mine: Sequence[Waiting]) -> str | None:
        """Do what a button of the list says; returns the sentence to say."""
        if name == NOTHING:
            return None
        if name != SEND:
            return await self._end_all([one for one in mine if name in {ALL, one.name}])
        requests = [one.jobs for one in mine if one.jobs and one.is_undelivered]
        answers = [one.errand for one in mine if one.errand is not None]
        sent = await asyncio.to_thread(self._undelivered.send_again, requests, answers)
        self._undelivered.changed()
        return "pressed" if sent else "nothing_to_send"

    def end(self, request: Sequence[Job]) -> bool:
        """Cancel what has not ended of a request; whether there was something. Blocks."""
        cancelled = self._jobs.cancel(job.id for job in request)
        if cancelled:
            self._tickets.send(len(cancelled))  # Held ones may have come into the line.
        return bool(cancelled)

    async def _end_all(self, doomed: Sequence[Waiting]) -> str:
        """End what has not ended; returns the sentence to say."""
        ended = await asyncio.to_thread(self._end_each, [one for one in doomed if not one.has_ended])
        self._batch_delivery.changed()
        if ended:
            return "request_cancelled"
        is_sending = any(one.has_ended and not one.is_undelivered for one in doomed)
        return "pressed_sending" if is_sending else "nothing_to_cancel"

    def _end_each(self, doomed: Sequence[Waiting]) -> bool:
        ended = self.end([job for one in doomed for job in one.jobs])
        for one in doomed:
            if one.batch is not None and self._batches.cancel(one.batch.id):
                ended = True
                self._tickets.send()  # Its person's other batches may come in, and orders are to be withdrawn.
        return ended

    async def _mine(self, user_id: int, chat_id: int, context: ContextTypes.DEFAULT_TYPE) -> list[Waiting]:
        return await asyncio.to_thread(self._read, user_id, context.bot.id, chat_id)

    def _read(self, user_id: int, bot_id: int, chat_id: int) -> list[Waiting]:
        """What this person waits for in this chat: what has not ended, then what has not arrived, oldest first."""
        jobs = self._jobs.not_ended(user_id, bot_id=bot_id, chat_id=chat_id)
        jobs.sort(key=lambda job: (job.address.message_id, job.address.request_key, job.number))
        requests = [tuple(group) for _, group in groupby(jobs, key=lambda job: job.address.request_key)]
        under_way = {request[0].address.request_key for request in requests}
        of = bot_id, chat_id, user_id
        ended = self._chats.arriving(*of) + self._undelivered.pictures(*of)
        requests += [request for request in ended if request[0].address.request_key not in under_way]
        batches = [Waiting(batch=batch) for batch in self._batches.under_way(user_id, bot_id=bot_id, chat_id=chat_id)]
        answers = [Waiting(errand=errand) for errand in self._undelivered.answers(*of)]
        return [*batches, *map(Waiting, requests), *answers]

    async def _show(self, message: Message, mine: list[Waiting], context: ContextTypes.DEFAULT_TYPE) -> None:
        sender = sender_of(message)
        text, markup = await asyncio.to_thread(self._page, mine, sender.id, 0, sender.language)
        to = answer(address_of(message, context.bot.id))
        await context.bot.send_message(text=text, reply_markup=markup, **to)

    def _page(
        self, mine: list[Waiting], user_id: int, page: int, language: str
    ) -> tuple[str, InlineKeyboardMarkup | None]:
        """A page of the list, counted from 0; the last one for a page that is no longer there. Blocks."""
        if not mine:
            return say("queue_empty", language), None
        page = min(page, (len(mine) - 1) // A_PAGE)
        shown = list(enumerate(mine, 1))[page * A_PAGE : (page + 1) * A_PAGE]
        title = say("queue_title", language, n=len(mine))
        lines = [self._describe(number, one, language) for number, one in shown]
        return "\n".join([title, *lines]), _buttons(mine, shown, user_id, page, language)

    def _describe(self, number: int, one: Waiting, language: str) -> str:
        if one.batch is not None:
            counts = self._batches.counts(one.batch.id)
            key = "queue_batch_paused" if one.batch.state is BatchState.PAUSED else "queue_batch"
            return say(key, language, number=number, done=counts.ended, n=one.batch.pictures)
        if one.errand is not None:
            line = say("queue_line", language, number=number, idea=shorten(_words_of(one.errand), MAX_IDEA_SHOWN))
            return f"{line}\n{explain(str(one.errand.undelivered_reason), language)}"
        idea = shorten(idea_of(one.jobs[0]), MAX_IDEA_SHOWN)
        return say("queue_line", language, number=number, idea=idea) + f"\n{self._stands(one, language)}"

    def _stands(self, one: Waiting, language: str) -> str:
        """How a request stands."""
        job = one.jobs[0]
        if job.undelivered_reason is not None:
            return explain(job.undelivered_reason, language)
        if one.has_ended:
            return sentence(describe_delivery(one.jobs), language)
        is_in_line = job.state in {State.QUEUED, State.HELD} and job.claims == 0
        return sentence(self._status.describe_waiting(job) if is_in_line else str(job.stage), language)


def _words_of(errand: Errand) -> str:
    """What an answer is called: by its question, or by the command."""
    return f"💬 {errand.question.get('text', '')}".strip() if errand.kind is Kind.CHAT else "🔎 /describe"


def _list_of(data: str) -> tuple[str, ...]:
    """Whose list a button's data belong to."""
    return tuple(data.split(" ")[:2])


def _button(label: str, user_id: int, name: str, page: int) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=f"queue {user_id} {name} {page}")


def _send_button(count: int, user_id: int, language: str) -> InlineKeyboardButton:
    return _button(say("button_send_undelivered", language, n=count), user_id, SEND, 0)


def _buttons(
    mine: list[Waiting], shown: list[tuple[int, Waiting]], user_id: int, page: int, language: str
) -> InlineKeyboardMarkup | None:
    each = [_button(f"✖ {number}", user_id, one.name, page) for number, one in shown if not one.has_ended]
    rows = in_rows(each, keyboards.A_ROW)
    turns = []
    if page:
        turns.append(_button("◀️", user_id, NOTHING, page - 1))
    if len(mine) > (page + 1) * A_PAGE:
        turns.append(_button("▶️", user_id, NOTHING, page + 1))
    if turns:
        rows.append(turns)
    under_way = sum(not one.has_ended for one in mine)
    if under_way > 1:
        rows.append([_button(say("button_cancel_all", language, n=under_way), user_id, ALL, 0)])
    if count := sum(one.pieces for one in mine if one.is_undelivered):
        rows.append([_send_button(count, user_id, language)])
    return InlineKeyboardMarkup(rows) if rows else None
