"""``/queue`` and ``/cancel``: a person's open requests in this chat, and buttons to cancel or resend."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import ContextTypes

from services.bot.batches.delivery import BatchDelivery
from services.bot.help import start
from services.bot.orders import Orders
from services.bot.pictures.captions import idea_of
from services.bot.pictures.status import Status, describe_delivery, sentence
from services.bot.queue.undelivered import Undelivered
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import of_queue, read_queue
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action, Subject
from services.bot.telegram.refusals import explain
from services.bot.texts.button_rows import cut, in_rows
from services.bot.texts.locales import say
from services.bot.texts.utf16 import shorten
from shared.batches import Batch, BatchState
from shared.errands import Errand, ErrandKind
from shared.jobs import ENDED, Job
from shared.store.batches import Batches
from shared.store.chats import Chats
from shared.store.jobs import Jobs

A_PAGE = 8
MAX_IDEA_SHOWN = 60  # UTF-16 units
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
    def title(self) -> str:
        """What a person knows it by: its idea or question, of a batch how many pictures it is."""
        if self.batch is not None:
            return f"📦 {self.batch.pictures}"
        return _words_of(self.errand) if self.errand is not None else idea_of(self.jobs[0])

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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list.

    Attributes:
        described: The listed jobs that have status messages, and the text of each.
    """

    text: str
    buttons: InlineKeyboardMarkup | None = None
    described: tuple[tuple[Job, str], ...] = ()


class QueueHandler:
    """Shows people what they wait for, ends it where they no longer want it, and sends what could not be delivered."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        jobs: Jobs,
        batches: Batches,
        chats: Chats,
        undelivered: Undelivered,
        orders: Orders,
        status: Status,
        batch_delivery: BatchDelivery,
        authorization: Authorization,
    ) -> None:
        self._jobs = jobs
        self._batches = batches
        self._chats = chats
        self._undelivered = undelivered
        self._orders = orders
        self._status = status
        self._batch_delivery = batch_delivery
        self._authorization = authorization

    @for_message
    async def start(self, asked: Incoming) -> None:
        """Answer ``/start``: say hello, and offer what could not be delivered here."""
        await start.start(asked)
        sender = asked.sender
        if count := await asyncio.to_thread(self._undelivered.count, asked.bot.id, asked.address.chat_id, sender.id):
            button = _send_button(count, sender.id, sender.language)
            offer = say("undelivered_offer", sender.language, n=count)
            await asked.answer(offer, InlineKeyboardMarkup.from_button(button))

    @for_message
    async def queue(self, asked: Incoming) -> None:
        """Answer ``/queue``: list what one waits for here."""
        await self._show(await self._mine(asked.sender.id, asked.address.chat_id, asked.bot.id), asked)

    @for_message
    async def cancel(self, asked: Incoming) -> None:
        """Answer ``/cancel``: end what it replies to; alone the only thing, and of several show all."""
        mine = await self._mine(asked.sender.id, asked.address.chat_id, asked.bot.id)
        replied = asked.message.reply_to_message
        # In a topic every message replies to the one that opened it.
        if replied is not None and replied.forum_topic_created is None:
            mine = [one for one in mine if replied.message_id in one.messages]
        elif len(mine) > 1:
            await self._show(mine, asked)
            return
        await asked.answer(say(await self._end_all(mine[-1:]), asked.language))

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn a page of the list, or do what its button says; then the list says what is left."""
        query = update.callback_query
        wanted = read_queue(query.data) if query is not None else None
        if query is None or wanted is None or query.message is None:
            return
        language = query.from_user.language_code or "en"
        person_id, chat_id, user_id = query.from_user.id, query.message.chat.id, wanted.user_id
        mine = await self._mine(user_id, chat_id, context.bot.id)
        # A forged list of a chat that waits for nothing here is nobody's; Telegram is not asked for its admins.
        may = bool(mine) or user_id in {person_id, chat_id}
        list_of = Subject(context.bot.id, chat_id, user_id)
        if not may or not await self._authorization.allows(Action.USE_QUEUE, person_id, chat_id, list_of):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        said = await self._do(wanted.name, mine)
        await acknowledge(query, said and say(said, language))
        mine = await self._mine(user_id, chat_id, context.bot.id)
        page = await self._open(mine, user_id, wanted.page, language)
        await rewrite(context.bot, query, page.text, page.buttons, thing=_list_of)

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

    async def _end_all(self, doomed: Sequence[Waiting]) -> str:
        """End what has not ended; returns the sentence to say."""
        ended = await asyncio.to_thread(self._end_each, [one for one in doomed if not one.has_ended])
        self._batch_delivery.changed()
        if ended:
            return "request_cancelled"
        is_sending = any(one.has_ended and not one.is_undelivered for one in doomed)
        return "pressed_sending" if is_sending else "nothing_to_cancel"

    def _end_each(self, doomed: Sequence[Waiting]) -> bool:
        ended = self._orders.cancel([job for one in doomed for job in one.jobs])
        for one in doomed:
            if one.batch is not None and self._orders.cancel_batch(one.batch.id):
                ended = True
        return ended

    async def _mine(self, user_id: int, chat_id: int, bot_id: int) -> list[Waiting]:
        return await asyncio.to_thread(self._read, user_id, bot_id, chat_id)

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

    async def _show(self, mine: list[Waiting], asked: Incoming) -> None:
        page = await self._open(mine, asked.sender.id, 0, asked.language)
        await asked.answer(page.text, page.buttons)

    async def _open(self, mine: list[Waiting], user_id: int, number: int, language: str) -> Page:
        """A page of the list, once the status messages say what it says."""
        page = await asyncio.to_thread(self._page, mine, user_id, number, language)
        await self._status.say_now(page.described)
        return page

    def _page(self, mine: list[Waiting], user_id: int, number: int, language: str) -> Page:
        """A page of the list, counted from 0; the last one for a page that is no longer there. Blocks."""
        if not mine:
            return Page(say("queue_empty", language))
        number = min(number, (len(mine) - 1) // A_PAGE)
        shown = list(enumerate(mine, 1))[number * A_PAGE : (number + 1) * A_PAGE]
        described = {place: self._stands(one) for place, one in shown if one.jobs and not one.is_undelivered}
        lines = [say("queue_title", language, n=len(mine))]
        for place, one in shown:
            lines.append(self._describe(place, one, language))
            if place in described:
                lines.append(sentence(described[place][1], language))
        buttons = _buttons(mine, shown, user_id, number, language)
        return Page("\n".join(lines), buttons, tuple(described.values()))

    def _describe(self, number: int, one: Waiting, language: str) -> str:
        if one.batch is not None:
            counts = self._batches.counts(one.batch.id)
            key = "queue_batch_paused" if one.batch.state is BatchState.PAUSED else "queue_batch"
            return say(key, language, number=number, done=counts.ended, n=one.batch.pictures)
        line = say("queue_line", language, number=number, idea=shorten(one.title, MAX_IDEA_SHOWN))
        if one.is_undelivered:
            reason = one.errand.undelivered_reason if one.errand is not None else one.jobs[0].undelivered_reason
            line += f"\n{explain(str(reason), language)}"
        return line

    def _stands(self, one: Waiting) -> tuple[Job, str]:
        """How a request stands, and the job whose status message says the same."""
        if one.has_ended:
            return one.jobs[0], describe_delivery(one.jobs)
        return self._status.describe_request(one.jobs[0])


def _words_of(errand: Errand) -> str:
    """What an answer is called: by its question, or by the command."""
    return f"💬 {errand.question.get('text', '')}".strip() if errand.kind is ErrandKind.CHAT else "🔎 /describe"


def _list_of(data: str) -> tuple[str, ...]:
    """Whose list a button's data belong to."""
    return tuple(data.split(" ")[:2])


def _button(label: str, user_id: int, name: str, page: int) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=of_queue(user_id, name, page))


def _send_button(count: int, user_id: int, language: str) -> InlineKeyboardButton:
    return _button(say("button_send_undelivered", language, n=count), user_id, SEND, 0)


def _buttons(
    mine: list[Waiting], shown: list[tuple[int, Waiting]], user_id: int, page: int, language: str
) -> InlineKeyboardMarkup | None:
    ending = [one for _, one in shown if not one.has_ended]
    # A label that names the thing: of numbers another thing has the same one as soon as the list is shorter.
    labels = [cut(f"✖ {one.title}") for one in ending] if len(mine) > 1 else [say("button_cancel", language)]
    each = [_button(label, user_id, one.name, page) for label, one in zip(labels, ending, strict=False)]
    rows = in_rows(each, 2)
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
