"""finished job → photo, document or apology: an outbox, emptied by whoever is there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from telegram import Bot, InputFile, InputMediaDocument, InputMediaPhoto, Message
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.pictures.captions import write_caption, write_choice
from services.bot.telegram.addresses import reply_to
from services.bot.telegram.outbox_relay import Carrier
from shared.images import Images
from shared.jobs import Job, Stage, State
from shared.store.jobs import Jobs
from shared.store.outbox import Outbox

log = logging.getLogger(__name__)

MAX_PHOTO_BYTES = 10 * 1024 * 1024
UPLOAD_S = 60.0
MAX_PAUSE_S = 300.0
MAX_REFUSALS = 5
# What Telegram says when it won't have these bytes as a photo; as a document they pass.
NOT_AS_PHOTO = ("photo_invalid_dimensions", "image_process_failed", "file is too big", "photo_save_file_invalid")
UNREACHABLE = ("chat not found", "not enough rights", "have no rights", "peer_id_invalid", "chat_write_forbidden")


T = TypeVar("T")


class Delivery(Carrier[Job]):
    """Carries home pictures and apologies, each exactly once as far as Telegram lets us know."""

    at_once = 30
    finish_s = UPLOAD_S
    what = "job"

    def __init__(
        self, bot: Bot, bot_id: int, outbox: Outbox, jobs: Jobs, images: Images, *, default_model: str
    ) -> None:
        """Deliver for the bot with this id; ``default_model`` paints what names no model."""
        super().__init__()
        self._bot = bot
        self._bot_id = bot_id
        self._outbox = outbox
        self._jobs = jobs
        self._images = images
        self._default_model = default_model

    def _claim(self, most: int) -> list[Job]:
        return self._outbox.claim(self._bot_id, most=most)

    async def _deliver(self, job: Job) -> None:
        await (self._send(job) if job.sending_before is None else self._look_and_send(job))

    async def _look_and_send(self, job: Job) -> None:
        """Send what may have been sent before, unless it was."""
        try:
            is_there = await self._status_is_there(job)
        except Forbidden:
            await self._close(job)
        except TelegramError as error:
            log.warning("delivery still uncertain", extra={"job_id": job.id, "error": type(error).__name__})
            await asyncio.to_thread(self._outbox.unsure, job.id, retry_after_s=_pause(job))
        else:
            # The status message goes only after the photo: where it is gone, somebody sent it and then fell silent.
            await (self._send(job) if is_there else self._settle(job, {}))

    async def _close(self, job: Job) -> None:
        log.info("chat is closed to us", extra={"job_id": job.id, "chat_id": job.address.chat_id})
        await self._note(job, {})

    async def _send(self, job: Job) -> None:
        pause = _pause(job)
        try:
            if job.request.count > 1:
                await self._settle(job, await self._album(job))
            elif job.state is State.CANCELLED:
                await self._settle(job, {})
            else:
                await self._settle(job, {job.id: await self._photo_or_apology(job)})
        except RetryAfter as error:
            wait = error.retry_after
            seconds = float(wait) if isinstance(wait, int) else wait.total_seconds()
            await asyncio.to_thread(self._outbox.not_sent, job.id, retry_after_s=seconds)
        except ChatMigrated:
            # The job has moved along; the next claim finds it under the new id.
            await asyncio.to_thread(self._outbox.not_sent, job.id, retry_after_s=0)
        except Forbidden:
            await self._close(job)
        except BadRequest as error:
            await self._refused(job, error, pause)
        except (TimedOut, NetworkError) as error:
            # Telegram may have taken it all the same.
            log.warning("delivery uncertain", extra={"job_id": job.id, "error": type(error).__name__})
            await asyncio.to_thread(self._outbox.unsure, job.id, retry_after_s=pause)
        except TelegramError as error:
            log.warning("delivery failed", extra={"job_id": job.id, "error": type(error).__name__})
            await asyncio.to_thread(self._outbox.not_sent, job.id, retry_after_s=pause)

    async def _refused(self, job: Job, error: BadRequest, pause: float) -> None:
        gone = any(text in error.message.lower() for text in UNREACHABLE)
        if gone or job.delivery_tries >= MAX_REFUSALS:
            level = logging.INFO if gone else logging.ERROR
            log.log(level, "delivery given up", extra={"job_id": job.id, "error": error.message})
            await self._note(job, {})
            return
        log.error("Telegram refused a delivery", extra={"job_id": job.id, "error": error.message})
        await asyncio.to_thread(self._outbox.not_sent, job.id, retry_after_s=pause)

    async def _photo_or_apology(self, job: Job) -> Message:
        if job.state is not State.FINISHED or job.image_key is None:
            return await self._apologise(job, job.reason or "unexpected")

        try:
            data = await asyncio.to_thread(self._images.get, job.image_key)
        except FileNotFoundError:
            log.error("picture is gone from the image store", extra={"job_id": job.id, "key": job.image_key})  # noqa: TRY400
            return await self._apologise(job, "unexpected")
        file = InputFile(data, filename=_name(job))
        caption = write_caption(job, default_model=self._default_model)
        keyboard = keyboards.picture(job)
        if len(data) <= MAX_PHOTO_BYTES and not job.request.parameters.as_file:
            try:
                return await self._post(
                    job,
                    self._bot.send_photo,
                    photo=file,
                    caption=caption,
                    reply_markup=keyboard,
                    write_timeout=UPLOAD_S,
                )
            except BadRequest as error:
                if not any(text in error.message.lower() for text in NOT_AS_PHOTO):
                    raise
        return await self._post(
            job,
            self._bot.send_document,
            document=file,
            caption=caption,
            reply_markup=keyboard,
            write_timeout=UPLOAD_S,
            disable_content_type_detection=True,
        )

    async def _apologise(self, job: Job, reason: str) -> Message:
        language = job.sender.language
        keyboard = keyboards.after_failure(reason, language, self._bot.username)
        return await self._post(job, self._bot.send_message, text=say(reason, language), reply_markup=keyboard)

    async def _album(self, job: Job) -> dict[int, Message]:
        """Send what came of several pictures: an album, and below it a message with the buttons."""
        siblings = await asyncio.to_thread(self._jobs.siblings, job)
        finished = [one for one in siblings if one.image_key is not None]
        if all(one.state is State.CANCELLED for one in siblings):
            return {}
        if not finished:
            reason = next((one.reason for one in siblings if one.reason), "unexpected")
            message = await self._apologise(job, reason)
            return {one.id: message for one in siblings}

        photos = await self._send_pictures(job, finished)
        await self._post(
            job,
            self._bot.send_message,
            text=write_choice(siblings),
            reply_markup=keyboards.several(siblings, self._bot.username),
        )
        return photos

    async def _send_pictures(self, job: Job, finished: list[Job]) -> dict[int, Message]:
        if len(finished) == 1:
            return {finished[0].id: await self._photo_or_apology(finished[0])}
        pictures = [await asyncio.to_thread(self._images.get, str(one.image_key)) for one in finished]
        captions = [write_caption(finished[0], default_model=self._default_model), *[None] * len(finished)]
        as_photos = not job.request.parameters.as_file and all(len(data) <= MAX_PHOTO_BYTES for data in pictures)
        for kind in (InputMediaPhoto, InputMediaDocument) if as_photos else (InputMediaDocument,):
            media = [
                kind(data, filename=_name(one), caption=caption, parse_mode=ParseMode.HTML)
                for one, data, caption in zip(finished, pictures, captions, strict=False)
            ]
            try:
                messages = await self._post(job, self._bot.send_media_group, media=media, write_timeout=UPLOAD_S)
            except BadRequest as error:
                if kind is InputMediaDocument or not any(text in error.message.lower() for text in NOT_AS_PHOTO):
                    raise
            else:
                return {one.id: message for one, message in zip(finished, messages, strict=True)}
        raise AssertionError("documents are sent or raise")

    async def _post(self, job: Job, send: Callable[..., Awaitable[T]], **content: Any) -> T:
        where = {
            "chat_id": job.address.chat_id,
            "reply_parameters": reply_to(job.address),
            "parse_mode": ParseMode.HTML,
        }
        try:
            return await send(**where, **content, message_thread_id=job.address.topic_id)
        except BadRequest as error:
            if job.address.topic_id is None or "thread not found" not in error.message.lower():
                raise
            return await send(**where, **content)

    async def _settle(self, job: Job, messages: Mapping[int, Message]) -> None:
        """Take the status message away, then note the delivery: in this order, so that its absence tells.

        Args:
            messages: By job: what reached the chat.
        """
        removed = job.status_message_id if await self._remove_status(job) else None
        await self._note(job, messages, removed)
        log.info("delivered", extra={"job_id": job.id, "state": str(job.state), "chat_id": job.address.chat_id})

    async def _note(self, job: Job, messages: Mapping[int, Message], removed: int | None = None) -> None:
        """Write down what was delivered; a status message that is still there is removed from here on.

        Args:
            removed: The number of a status message that is gone already.
        """
        others = [] if job.request.count == 1 else (await asyncio.to_thread(self._jobs.siblings, job))[1:]
        # The first comes last: while it isn't noted, the whole request can be taken up again.
        for one in (*others, job):
            message = messages.get(one.id)
            await asyncio.to_thread(
                self._outbox.delivered,
                one.id,
                message_id=message.message_id if message else None,
                file_id=_file_id(message),
                removed=removed,
            )

    async def _remove_status(self, job: Job) -> bool:
        """Delete the status message; False where there is none, or Telegram has not said that it is gone."""
        if job.status_message_id is None:
            return False
        try:
            await self._bot.delete_message(job.address.chat_id, job.status_message_id)
        except TelegramError as error:
            log.info("status not removed yet", extra={"job_id": job.id, "error": type(error).__name__})
            return False
        return True

    async def _status_is_there(self, job: Job) -> bool:
        if job.status_message_id is None:
            return True
        try:
            await self._bot.edit_message_text(
                say(f"status_{Stage.SENDING}", job.sender.language),
                chat_id=job.address.chat_id,
                message_id=job.status_message_id,
            )
        except BadRequest as error:
            return "not found" not in error.message.lower()
        return True


def _name(job: Job) -> str:
    return str(job.image_key).rpartition("/")[2]


def _pause(job: Job) -> float:
    return min(2.0 ** min(job.delivery_tries, 10), MAX_PAUSE_S)


def _file_id(message: Message | None) -> str | None:
    if message is None:
        return None
    if message.photo:
        return message.photo[-1].file_id
    return message.document.file_id if message.document else None
