"""started batch → jobs, albums or ZIPs, and a progress message that is true: whoever is there carries it on."""

import asyncio
import logging
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from telegram import Bot, InputFile, InputMediaDocument, InputMediaPhoto, Message
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError

from services.bot.batches.progress_message import ProgressMessage
from services.bot.locales import say
from services.bot.pictures.captions import write_caption
from services.bot.pictures.delivery import MAX_PHOTO_BYTES, MAX_REFUSALS, NOT_AS_PHOTO, UNREACHABLE, UPLOAD_S
from services.bot.telegram.addresses import reply_to
from services.bot.telegram.news import wait_for_news
from services.health import Sign
from shared.batches import Batch, BatchState, Way, file_name, write_manifest
from shared.errors import StoreAway
from shared.images import Images
from shared.jobs import Job
from shared.queue import BackgroundTickets
from shared.store.batches import ALBUM, Batches
from shared.store.jobs import Jobs

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
MAX_PART_BYTES = 49 * 1000 * 1000  # Telegram takes files of up to 50 MB from a bot
PICTURES_A_PART = 2_000  # a bound on what is looked up at once
PART_UPLOAD_S = 150.0
MAX_PAUSE_S = 300.0
OVER = frozenset({BatchState.FINISHED, BatchState.CANCELLED})

T = TypeVar("T")


class BatchDelivery:
    """Carries this bot's batches on."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        bot: Bot,
        bot_id: int,
        batches: Batches,
        jobs: Jobs,
        images: Images,
        tickets: BackgroundTickets,
        progress: ProgressMessage,
        *,
        default_model: str,
    ) -> None:
        """Deliver for the bot with this id; ``default_model`` paints what names no model."""
        self._bot = bot
        self._bot_id = bot_id
        self._batches = batches
        self._jobs = jobs
        self._images = images
        self._tickets = tickets
        self._progress = progress
        self._default_model = default_model
        self._news = asyncio.Event()
        self._in_hand: dict[int, asyncio.Task[None]] = {}

    def changed(self) -> None:
        """Take note that a batch was started, paused, resumed or cancelled."""
        self._news.set()

    async def carry_on(self, sign: Sign) -> None:
        """Look after all batches. Runs until cancelled; ``finish`` waits for what it began."""
        while True:
            self._news.clear()
            try:
                for batch in await asyncio.to_thread(self._batches.open, self._bot_id):
                    if batch.id not in self._in_hand:
                        task = self._in_hand[batch.id] = asyncio.create_task(self._carry(batch))
                        task.add_done_callback(partial(self._carried, batch.id))
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("batches not looked after", extra={"error": str(error)})
            await wait_for_news(self._news, LOOK_EVERY_S)

    async def finish(self) -> None:
        """Let deliveries under way end."""
        if self._in_hand:
            await asyncio.wait(list(self._in_hand.values()), timeout=UPLOAD_S)

    def _carried(self, batch_id: int, _: "asyncio.Task[None]") -> None:
        self._in_hand.pop(batch_id, None)

    async def _carry(self, batch: Batch) -> None:
        try:
            await self._fill(batch)
            await asyncio.to_thread(self._batches.finish, batch.id)
            now = await asyncio.to_thread(self._batches.read, batch.id)
            if now is not None and now.delivered_at is None:
                if now.state not in OVER:
                    await self._progress.show(now)
                await self._bring_home(now)
        except StoreAway as error:
            log.warning("batch left for later", extra={"batch_id": batch.id, "error": str(error)})
        except Exception:
            # The round's outer door: the lease runs out, and somebody tries again.
            log.exception("batch failed unexpectedly", extra={"batch_id": batch.id})

    async def _fill(self, batch: Batch) -> None:
        while batch.state is BatchState.RUNNING:
            count = await asyncio.to_thread(self._batches.fill, batch.id)
            if not count:
                return
            self._tickets.send(count)

    async def _close(self, batch: Batch) -> None:
        """Say what came of it, and only then note that all is done: a kill between the two costs one edit more."""
        await self._progress.close(batch)
        await asyncio.to_thread(self._batches.delivered, batch.id)
        log.info("batch delivered", extra={"batch_id": batch.id, "state": str(batch.state)})

    # The way home

    async def _bring_home(self, batch: Batch) -> None:
        is_over = batch.state in OVER
        waiting = await asyncio.to_thread(self._batches.to_send, batch.id)
        if not is_over and not batch.sending and (batch.way is Way.ZIP or len(waiting) < ALBUM):
            return
        if not await asyncio.to_thread(self._batches.claim_home, batch.id):
            return
        try:
            if batch.sending:
                await self._settle(batch)
            if batch.way is Way.ZIP and is_over:
                await self._send_parts(batch)
            elif batch.way is not Way.ZIP:
                await self._send_albums(batch, is_over=is_over)
            if is_over:
                await self._close(batch)
        except TelegramError as error:
            await self._failed(batch, error)
        else:
            await asyncio.to_thread(self._batches.let_go, batch.id)

    async def _settle(self, batch: Batch) -> None:
        """Find out what became of pictures that were being sent when somebody fell silent."""
        if await self._progress.saw(batch):
            await asyncio.to_thread(self._batches.sent, batch.id, [(job_id, None, None) for job_id in batch.sending])
        else:
            await asyncio.to_thread(self._batches.not_sent, batch.id)

    async def _failed(self, batch: Batch, error: TelegramError) -> None:
        """Decide what becomes of a delivery that Telegram did not take."""
        fields = {"batch_id": batch.id, "error": type(error).__name__}
        if isinstance(error, RetryAfter):
            wait = error.retry_after
            seconds = float(wait) if isinstance(wait, int) else wait.total_seconds()
            await asyncio.to_thread(self._batches.let_go, batch.id, retry_after_s=seconds)
            return
        if isinstance(error, ChatMigrated):
            # The batch has moved along; the next round finds it under the new id.
            await asyncio.to_thread(self._batches.let_go, batch.id)
            return
        gone = isinstance(error, Forbidden) or any(text in error.message.lower() for text in UNREACHABLE)
        refused = isinstance(error, BadRequest) and batch.delivery_tries >= MAX_REFUSALS
        if gone or refused:
            log.log(logging.INFO if gone else logging.ERROR, "batch given up", extra=fields)
            await asyncio.to_thread(self._batches.cancel, batch.id)
            await asyncio.to_thread(self._batches.delivered, batch.id)
            return
        level = logging.WARNING if isinstance(error, NetworkError) else logging.ERROR
        log.log(level, "batch not delivered", extra=fields)
        pause = min(2.0 ** min(batch.delivery_tries + 1, 10), MAX_PAUSE_S)
        await asyncio.to_thread(self._batches.let_go, batch.id, retry_after_s=pause, well=False)

    async def _send_albums(self, batch: Batch, *, is_over: bool) -> None:
        """Send what is finished, ten at a time; fewer only at the end."""
        while len(jobs := await asyncio.to_thread(self._batches.to_send, batch.id)) >= (1 if is_over else ALBUM):
            pictures = [(job, data) for job in jobs if (data := await self._picture(job)) is not None]
            messages = list[Message]()
            if pictures:
                async with self._progress.witnessing(batch, jobs):
                    messages = await self._send_pictures(batch, pictures)
            sent = {job.id: message for (job, _), message in zip(pictures, messages, strict=True)}
            await asyncio.to_thread(self._batches.sent, batch.id, [_note(job, sent.get(job.id)) for job in jobs])
            await asyncio.to_thread(self._batches.renew_home, batch.id)

    async def _picture(self, job: Job) -> bytes | None:
        try:
            return await asyncio.to_thread(self._images.get, str(job.image_key))
        except FileNotFoundError:
            log.error("picture is gone from the image store", extra={"job_id": job.id, "key": job.image_key})  # noqa: TRY400
            return None

    async def _send_pictures(self, batch: Batch, pictures: list[tuple[Job, bytes]]) -> list[Message]:
        as_photos = all(len(data) <= MAX_PHOTO_BYTES and not job.request.parameters.as_file for job, data in pictures)
        try:
            return await self._send_as(batch, pictures, as_photos=as_photos)
        except BadRequest as error:
            if not as_photos or not any(text in error.message.lower() for text in NOT_AS_PHOTO):
                raise
        return await self._send_as(batch, pictures, as_photos=False)

    async def _send_as(self, batch: Batch, pictures: list[tuple[Job, bytes]], *, as_photos: bool) -> list[Message]:
        caption = write_caption(pictures[0][0], default_model=self._default_model)
        if len(pictures) == 1:
            job, data = pictures[0]
            file = InputFile(data, filename=file_name(job))
            send, content = (
                (self._bot.send_photo, {"photo": file}) if as_photos else (self._bot.send_document, {"document": file})
            )
            return [await self._post(batch, send, caption=caption, write_timeout=UPLOAD_S, **content)]
        kind = InputMediaPhoto if as_photos else InputMediaDocument
        media = [
            kind(data, filename=file_name(job), caption=None if place else caption, parse_mode=ParseMode.HTML)
            for place, (job, data) in enumerate(pictures)
        ]
        return list(await self._post(batch, self._bot.send_media_group, media=media, write_timeout=UPLOAD_S))

    async def _send_parts(self, batch: Batch) -> None:
        """Send ZIPs until every picture is in one that was sent."""
        every = await asyncio.to_thread(self._batches.jobs, batch.id)
        while jobs := await asyncio.to_thread(self._batches.to_send, batch.id, most=PICTURES_A_PART):
            known = {job.delivered_message_id for job in every if job.delivered_message_id is not None}
            with tempfile.TemporaryDirectory(prefix="g2d-batch-") as folder:
                file = Path(folder) / f"batch-{batch.id}-{len(known) + 1}.zip"
                packed = await asyncio.to_thread(self._pack, file, jobs, write_manifest(every))
                data = await asyncio.to_thread(file.read_bytes)
                async with self._progress.witnessing(batch, packed):
                    message = await self._post(
                        batch,
                        self._bot.send_document,
                        document=InputFile(data, filename=file.name),
                        caption=say("batch_part", batch.sender.language, part=len(known) + 1, n=len(packed)),
                        write_timeout=PART_UPLOAD_S,
                        disable_content_type_detection=True,
                    )
            await asyncio.to_thread(
                self._batches.sent, batch.id, [(job.id, message.message_id, None) for job in packed]
            )
            await asyncio.to_thread(self._batches.renew_home, batch.id)
            every = await asyncio.to_thread(self._batches.jobs, batch.id)

    def _pack(self, file: Path, jobs: list[Job], manifest: str) -> list[Job]:
        """Write as many pictures as one part holds, at least one; returns which."""
        table = manifest.encode("utf-8-sig")  # Excel takes a CSV for UTF-8 only if it says so.
        size, packed = len(table), list[Job]()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("manifest.csv", table)
            for job in jobs:
                try:
                    data = self._images.get(str(job.image_key))
                except FileNotFoundError:
                    log.error("picture is gone from the image store", extra={"job_id": job.id, "key": job.image_key})  # noqa: TRY400
                    packed.append(job)
                    continue
                name = file_name(job)
                size += len(data) + 2 * len(name) + 200  # the archive's own entries for it
                if packed and size > MAX_PART_BYTES:
                    break
                archive.writestr(name, data)
                packed.append(job)
        return packed

    async def _post(self, batch: Batch, send: Callable[..., Awaitable[T]], **content: Any) -> T:
        where: dict[str, Any] = {
            "chat_id": batch.address.chat_id,
            "reply_parameters": reply_to(batch.address),
            "disable_notification": True,
        }
        if "caption" in content:
            where["parse_mode"] = ParseMode.HTML
        try:
            return await send(**where, **content, message_thread_id=batch.address.topic_id)
        except BadRequest as error:
            if batch.address.topic_id is None or "thread not found" not in error.message.lower():
                raise
            return await send(**where, **content)


def _note(job: Job, message: Message | None) -> tuple[int, int | None, str | None]:
    if message is None:
        return job.id, None, None
    file = message.photo[-1] if message.photo else message.document
    return job.id, message.message_id, file.file_id if file else None
