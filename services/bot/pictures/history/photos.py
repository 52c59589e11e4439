"""Has Telegram show a picture that it knows already by its file id; where it does not, the original is uploaded."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from telegram import Message
from telegram.error import BadRequest, TelegramError

from services.bot.pictures.replies import picture_name
from services.bot.telegram.errors import Refusal, knows_no_such_photo, refusal_of, words_of
from services.bot.telegram.sending import MAX_PHOTO_BYTES, Upload
from services.bot.telegram.smaller_jpegs import smaller_jpegs
from services.contact_sheet import empty_picture
from shared.images import Images
from shared.jobs import Job
from shared.store.history import History

log = logging.getLogger(__name__)

Photo = str | Upload  # a file id, or a file to upload
Show = Callable[[Photo], Awaitable[Message | bool]]


class Photos:
    """Shows pictures as photos."""

    def __init__(self, history: History, images: Images) -> None:
        self._history = history
        self._images = images

    async def show(self, job: Job, show: Show) -> None:
        """Show a picture; its file id is written down where it was not known, or is no photo's.

        Raises:
            TelegramError: Telegram does not take it in any form.
        """
        if job.file_id is not None:
            try:
                await show(job.file_id)
            except BadRequest as error:
                if not knows_no_such_photo(error):
                    raise
                log.info("file id is of no use", extra={"job_id": job.id, "error": words_of(error)})
            else:
                return
        message = await self._upload(job, show)
        if isinstance(message, Message) and message.photo and job.image_key is not None:
            await asyncio.to_thread(self._history.keep_file_id, job.id, message.photo[-1].file_id)

    async def _upload(self, job: Job, show: Show) -> Message | bool:
        original = await asyncio.to_thread(self.original, job)
        if original is None:
            await show(Upload(empty_picture(), "gone.jpg"))
            return False
        smaller = smaller_jpegs([original])
        tried: bytes | None = original
        if len(original) > MAX_PHOTO_BYTES:
            tried = await asyncio.to_thread(_next, smaller)
        while tried is not None:
            try:
                return await show(Upload(tried, picture_name(job)))
            except TelegramError as error:
                if refusal_of(error) not in {Refusal.NOT_A_PHOTO, Refusal.TOO_LARGE}:
                    raise
                log.info("not taken as a photo", extra={"job_id": job.id, "error": words_of(error)})
            tried = await asyncio.to_thread(_next, smaller)
        await show(Upload(empty_picture(), "gone.jpg"))
        return False

    def original(self, job: Job) -> bytes | None:
        """The picture as it is stored; None where it is gone. Blocks."""
        try:
            return self._images.get(str(job.image_key))
        except FileNotFoundError:
            log.warning("picture is gone from the image store", extra={"job_id": job.id})
            return None


def _next(smaller: Iterator[list[bytes]]) -> bytes | None:
    found = next(smaller, None)
    return found[0] if found else None
