"""The status message of a request for pictures: sent with the promise, and found again where its number was lost."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from telegram.ext import ExtBot

from services.bot.pictures import keyboards
from services.bot.pictures.status import Status, sentence
from services.bot.telegram.sending import Sending, Words
from services.bot.telegram.status_messages import StatusMessage, StatusMessages
from shared.errors import StoreAway
from shared.jobs import Job
from shared.status_messages import Work
from shared.store.status_messages import UNTRUE
from shared.store.status_messages import StatusMessages as Record

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
LONG_ENOUGH = timedelta(seconds=120)  # so long a message may be on its way, flood waits included
MOST_LOOKED_FOR = 20


class Promise:
    """Sends the status messages of pictures."""

    def __init__(self, bot: ExtBot[int], bot_id: int, messages: StatusMessages, record: Record, status: Status) -> None:
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._messages = messages
        self._record = record
        self._status = status
        self._started = datetime.now(UTC)

    def after(self, chat_id: int, request: int) -> int:
        """The number that a status message sent from now on comes after, in answer to this message of the chat."""
        return self._messages.after(chat_id, request)

    async def make(self, job: Job, shown: str) -> None:
        """Send the status message of a new job, of which the record says already that it is being sent.

        Raises:
            TelegramError: Telegram certainly did not take it.
        """
        await self._messages.send(self._message(job, shown))

    async def make_again(self, job: Job, shown: str) -> None:
        """See to it that a job that was known already has its status message.

        Raises:
            TelegramError: Telegram certainly did not take it.
        """
        if job.status_sending_since is not None:
            self._messages.look(self._message(job, shown))
        elif job.status_message_id is None:
            await self._messages.begin(self._message(job, shown))

    async def keep_looking(self) -> None:
        """Look for the messages that another process was sending when it died. Runs until cancelled."""
        while True:
            before = max(self._started, datetime.now(UTC) - LONG_ENOUGH)
            try:
                found = await asyncio.to_thread(self._record.missing, self._bot_id, before=before, most=MOST_LOOKED_FOR)
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

        after = job.status_after if job.status_after is not None else self.after(address.chat_id, address.message_id)
        return StatusMessage(
            Work.JOB,
            job.id,
            address.chat_id,
            shown,
            after,
            send,
            standing=lambda: self._status.promised(job),
        )
