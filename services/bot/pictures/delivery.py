"""Delivers finished requests: a photo, an album or a document, or a message that says why there is none."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence

from telegram import Message
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.pictures import keyboards
from services.bot.pictures.captions import write_caption, write_choice
from services.bot.pictures.lineage import idea_before
from services.bot.pictures.replies import picture_name
from services.bot.pictures.status import describe_delivery, sentence
from services.bot.telegram.errors import Again, ChatGone, Refusal, Refused, Unsure, after, words_of
from services.bot.telegram.outbox_relay import LEFT_S, OutboxRelay, record
from services.bot.telegram.refusals import MAX_TRIES_TO_SAY, write_refusal
from services.bot.telegram.sending import UPLOAD_S, Edit, Sending, Upload, Words
from services.bot.texts.locales import say
from shared.catalogue import Catalogue
from shared.errors import ImagineError
from shared.images import Images
from shared.jobs import Job, State
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox

log = logging.getLogger(__name__)

# By job: the message that shows what came of it, and Telegram's id of the picture's file.
Arrived = Mapping[int, tuple[int, str | None]]


class Delivery(OutboxRelay[Job]):
    """Delivers pictures and failure messages. At most once, except where Telegram took one without saying so."""

    at_once = 30
    finish_s = UPLOAD_S
    what = "job"

    def __init__(
        self,
        bot: ExtBot[int],
        bot_id: int,
        outbox: Outbox,
        jobs: Jobs,
        images: Images,
        *,
        catalogue: Catalogue,
        left_s: float = LEFT_S,
    ) -> None:
        """Deliver for the bot with this id; ``left_s`` as ``OutboxRelay`` says."""
        super().__init__(left_s=left_s)
        self._bot = bot
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._outbox = outbox
        self._jobs = jobs
        self._images = images
        self._catalogue = catalogue

    def _claim(self, limit: int) -> list[Job]:
        return self._outbox.claim(self._bot_id, limit=limit, is_told=self.is_told)

    def _renew(self, ids: Collection[int]) -> None:
        self._outbox.renew(ids)

    def _not_sent(self, job: Job, seconds: float) -> None:
        self._outbox.not_sent(job.id, retry_after_s=seconds, tries=job.delivery_tries)

    def _may_be_sent(self, job: Job, seconds: float) -> None:
        self._outbox.unsure(job.id, retry_after_s=seconds, tries=job.delivery_tries)

    def _record_refusal(self, job: Job, reason: Refusal) -> Job:
        self._outbox.give_up(job, reason)
        return self._jobs.read(job.id) or job

    async def _send_or_end(self, job: Job) -> None:
        if job.undelivered_reason is not None:
            await self._end(job)
        elif job.sending_before is None:
            await self._settle(job, await self._send(job))
        else:
            await self._look_and_send(job)

    async def _look_and_send(self, job: Job) -> None:
        """Send what may have been sent before, unless it was."""
        try:
            is_there = await self._status_is_there(job)
        except TelegramError as error:
            match after(error, tries=job.delivery_tries):
                case Again(seconds) | Unsure(seconds):
                    # Were it put back as not sent, it would be sent again without a look.
                    log.warning("delivery still uncertain", extra=self._fields(job) | {"error": words_of(error)})
                    await self._unsure(job, seconds)
                    return
                case ChatGone():
                    raise
            is_there = True  # Whatever keeps the status message from being edited, it does not tell.
        # The status message goes only after the photo: where it is gone, somebody sent it and then fell silent.
        await self._settle(job, await self._send(job) if is_there else {})

    async def _status_is_there(self, job: Job) -> bool:
        if job.status_message_id is None:
            return True
        words = Words(sentence(describe_delivery([job]), job.sender.language))
        return await self._sending.edit(job.address.chat_id, job.status_message_id, words) is not Edit.GONE

    async def _send(self, job: Job) -> Arrived:
        """Send what came of a request: its pictures, and below several of them a message with their buttons."""
        siblings = await self._siblings(job)
        if all(one.state is State.CANCELLED for one in siblings):
            return {}
        finished = [one for one in siblings if one.image_key is not None]
        arrived = _arrived_before(finished)
        if not arrived:
            arrived = await self._send_pictures(job, finished)
            if not arrived:
                return await self._apologise(job, siblings)
            if len(siblings) > 1:
                # Whatever becomes of the message below them, they are not sent again.
                await record(self._outbox.arrived, job, arrived)
        if len(siblings) > 1:
            await self._send_choice(job, siblings)
        return arrived

    async def _siblings(self, job: Job) -> list[Job]:
        return [job] if job.request.count == 1 else await asyncio.to_thread(self._jobs.siblings, job)

    async def _send_pictures(self, job: Job, finished: Sequence[Job]) -> Arrived:
        kept = [(one, upload) for one in finished if (upload := await self._picture_of(one)) is not None]
        if not kept:
            return {}
        before = await self._idea_before(kept[0][0])
        messages = await self._sending.pictures(
            job.address,
            [upload for _, upload in kept],
            write_caption(kept[0][0], default_model=self._catalogue.default, before=before),
            keyboards.picture(job) if job.request.count == 1 else None,
            as_files=job.request.parameters.as_file,
        )
        return {
            one.id: (message.message_id, _file_id(message)) for (one, _), message in zip(kept, messages, strict=True)
        }

    async def _idea_before(self, job: Job) -> str:
        return "" if job.parent_id is None else await asyncio.to_thread(idea_before, job, self._jobs)

    async def _picture_of(self, job: Job) -> Upload | None:
        key = str(job.image_key)
        try:
            data = await asyncio.to_thread(self._images.get, key)
        except FileNotFoundError:
            log.error("picture is gone from the image store", extra={"job_id": job.id, "key": key})  # noqa: TRY400
            return None
        return Upload(data, picture_name(job))

    async def _send_choice(self, job: Job, siblings: Sequence[Job]) -> None:
        words, keyboard = Words(write_choice(siblings)), keyboards.several(siblings, self._bot.username)
        try:
            await self._sending.text(job.address, words, keyboard)
        except TelegramError as error:
            if not isinstance(after(error, tries=job.delivery_tries), Refused | ChatGone):
                raise
            log.warning("buttons refused below pictures", extra=self._fields(job) | {"error": words_of(error)})

    async def _apologise(self, job: Job, jobs: Sequence[Job]) -> Arrived:
        reason = next((one.reason for one in jobs if one.reason), ImagineError.reason)
        keyboard = keyboards.failed(jobs, self._catalogue, self._bot.username)
        message = await self._sending.text(job.address, Words(say(reason, job.sender.language)), keyboard)
        return {one.id: (message.message_id, None) for one in jobs}

    async def _end(self, job: Job) -> None:
        words = write_refusal(job.undelivered_reason, job.sender.language, kept="picture")
        if words is not None and any(one.image_key is not None for one in await self._siblings(job)):
            try:
                await self._sending.text(job.address, Words(words))
            except TelegramError as error:
                match after(error, tries=job.delivery_tries):
                    case Again(seconds) | Unsure(seconds) if job.delivery_tries < MAX_TRIES_TO_SAY:
                        await self._again(job, seconds)
                        return
                log.info("refusal not said", extra=self._fields(job) | {"error": words_of(error)})
        await self._settle(job, {})

    async def _settle(self, job: Job, arrived: Arrived) -> None:
        """Take the status message away, then note the delivery: in this order, so that its absence tells."""
        removed = job.status_message_id if await self._remove_status(job) else None
        await self._note(job, arrived, removed)
        fields = {"state": str(job.state), "undelivered": job.undelivered_reason}
        log.info("delivery ended", extra=self._fields(job) | fields)

    async def _note(self, job: Job, arrived: Arrived, removed: int | None) -> None:
        """Write down what was delivered; a status message that is still there is removed from here on.

        Args:
            removed: The number of a status message that is gone already.
        """
        siblings = [job] if job.request.count == 1 else await record(self._jobs.siblings, job)
        # The first comes last: while it isn't noted, the whole request can be taken up again.
        for one in (*siblings[1:], job):
            message_id, file_id = arrived.get(one.id, (None, None))
            await record(self._outbox.delivered, one.id, message_id=message_id, file_id=file_id, removed=removed)

    async def _remove_status(self, job: Job) -> bool:
        """Delete the status message; False where there is none, or Telegram has not said that it is gone."""
        if job.status_message_id is None:
            return False
        try:
            await self._sending.delete(job.address.chat_id, job.status_message_id)
        except TelegramError as error:
            log.info("status not removed yet", extra=self._fields(job) | {"error": words_of(error)})
            return False
        return True


def _arrived_before(jobs: Sequence[Job]) -> Arrived:
    return {job.id: (job.delivered_message_id, job.file_id) for job in jobs if job.delivered_message_id is not None}


def _file_id(message: Message) -> str | None:
    if message.photo:
        return message.photo[-1].file_id
    return message.document.file_id if message.document else None
