"""Places orders for pictures and sends their status messages; one whose number was lost is looked for.

Telegram takes about thirty messages a second. When they are needed for pictures and answers, a status message is put
off until some are left over, and is never sent where its picture comes first.
"""

import asyncio
import logging
from datetime import timedelta
from itertools import islice

from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.budgets.refusals import refuse
from services.bot.orders import Order, Orders
from services.bot.pictures import keyboards
from services.bot.pictures.status import Status, sentence
from services.bot.telegram.errors import words_of
from services.bot.telegram.flood_limit import FloodLimit, Kind
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.sending import Sending, Words
from services.bot.telegram.status_messages import StatusMessage, StatusMessages
from shared.clock import present
from shared.errors import QueueFull, StoreAway
from shared.jobs import ENDED, Address, Job, Sender
from shared.status_messages import Work
from shared.store.jobs import Jobs
from shared.store.status_messages import UNTRUE
from shared.store.status_messages import StatusMessages as Record

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
LONG_ENOUGH = timedelta(seconds=120)  # so long a message may be on its way, flood waits included
MAX_LOOKED_FOR = 20
SENT_AT_ONCE = 5  # of those that were put off
ASK_AGAIN_S = 0.1  # whether messages are left over
MAX_PUT_OFF = 1_000  # that a process takes over from the one before


class Promise:
    """Places orders, and sends the status messages of their pictures."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        bot: ExtBot[int],
        bot_id: int,
        orders: Orders,
        messages: StatusMessages,
        record: Record,
        jobs: Jobs,
        status: Status,
        limit: FloodLimit,
    ) -> None:
        self._bot = bot
        self._jobs = jobs
        self._limit = limit
        self._put_off: dict[int, None] = {}  # ids of jobs, the oldest in front
        self._news = asyncio.Event()
        self._orders = orders
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._messages = messages
        self._record = record
        self._status = status
        self._started = present()

    async def order(self, order: Order, address: Address, sender: Sender) -> bool:
        """Place an order and promise its pictures; one that is known has its promise, or gets it now.

        Returns:
            Whether the order is new; False also where this person has asked for too much, and was told so.

        Raises:
            TelegramError: Telegram certainly did not take the status message.
        """
        is_put_off = self._limit.is_busy(Kind.STATUS)
        after = None if is_put_off else self._messages.after(address.chat_id, address.message_id)
        try:
            placed = await asyncio.to_thread(self._orders.place, order, address, sender, status_after=after)
        except QueueFull as error:
            await refuse(error, address, sender.language, self._bot)
            return False
        job = placed.job
        if placed.is_new and is_put_off:
            self._put_off[job.id] = None
            self._news.set()
        elif placed.is_new:
            await self._messages.send(self._message(job, placed.shown))
        elif job.state not in ENDED and job.status_sending_since is not None:
            self._messages.look(self._message(job, placed.shown))
        elif job.state not in ENDED and job.status_message_id is None:
            await self._messages.begin(self._message(job, placed.shown))
        return placed.is_new

    async def keep_sending(self) -> None:
        """Send the status messages that were put off, as messages are left over. Runs until cancelled."""
        is_recalled = False
        while True:
            try:
                if not is_recalled:
                    before = await asyncio.to_thread(self._record.unsent, self._bot_id, limit=MAX_PUT_OFF)
                    self._put_off = dict.fromkeys(before) | self._put_off
                    is_recalled = True
                while self._put_off and not self._limit.is_busy(Kind.STATUS):
                    await asyncio.gather(*map(self._send_late, list(islice(self._put_off, SENT_AT_ONCE))))
            except StoreAway as error:
                log.warning("status messages put off for longer", extra={"error": str(error)})
            self._news.clear()
            await (asyncio.sleep(ASK_AGAIN_S) if self._put_off else wait_for_news(self._news, LOOK_EVERY_S))

    async def _send_late(self, job_id: int) -> None:
        job = await asyncio.to_thread(self._jobs.read, job_id)
        if job is not None and job.state not in ENDED:
            _, shown = await asyncio.to_thread(self._status.describe_request, job)
            try:
                await self._messages.begin(self._message(job, shown))
            except TelegramError as error:
                log.info("status message refused", extra={"job_id": job_id, "error": words_of(error)})
        self._put_off.pop(job_id, None)

    async def keep_looking(self) -> None:
        """Look for the messages that another process was sending when it died. Runs until cancelled."""
        while True:
            before = max(self._started, present() - LONG_ENOUGH)
            try:
                found = await asyncio.to_thread(self._record.missing, self._bot_id, before=before, limit=MAX_LOOKED_FOR)
                for job in found:
                    self._messages.look(self._message(job, UNTRUE))
            except StoreAway:
                log.warning("lost status messages not looked for: the database is away")
            await asyncio.sleep(LOOK_EVERY_S)

    def _message(self, job: Job, shown: str) -> StatusMessage:
        address = job.address

        async def send() -> int:
            words = Words(sentence(shown or str(job.stage), job.sender.language))
            message = await self._sending.text(address, words, keyboards.status(job), quiet=True)
            return message.message_id

        known = job.status_after
        after = known if known is not None else self._messages.after(address.chat_id, address.message_id)
        return StatusMessage(
            Work.JOB,
            job.id,
            address.chat_id,
            shown,
            after,
            send,
            standing=lambda: self._status.promised(job),
        )
