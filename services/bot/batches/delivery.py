"""Runs started batches: creates their jobs in steps, sends albums or ZIPs, keeps the progress message current."""

import asyncio
import io
import logging
import zipfile
from collections.abc import Sequence
from functools import partial

from telegram import Message
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.batches.progress_message import ProgressMessage
from services.bot.pictures import keyboards
from services.bot.pictures.captions import write_album, write_caption
from services.bot.telegram.errors import (
    CHATS_OWN,
    MAX_UNKNOWN_TRIES,
    Again,
    ChatGone,
    Refusal,
    Refused,
    Unsure,
    after,
    refusal_of,
    words_of,
)
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.outbox_relay import LEFT_S, pause_for_store, record
from services.bot.telegram.sending import UPLOAD_S, Sending, Upload, Words
from services.bot.texts.locales import say
from services.health import Sign
from services.metrics.meters import meters
from shared.batches import Batch, BatchState, DeliveryFormat, file_name, write_manifest
from shared.errors import StoreAway
from shared.images import Images
from shared.jobs import Job
from shared.store.batches import ALBUM, Batches
from shared.store.jobs import Jobs
from shared.tickets import Tickets

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0  # while there are any
IDLE_LOOK_S = 3.0  # finds what nobody told this process: batches that an earlier one, or another program, started
MAX_PART_BYTES = 49 * 1000 * 1000  # Telegram takes files of up to 50 MB from a bot
PICTURES_A_PART = 2_000  # a bound on what is looked up at once
PART_UPLOAD_S = 150.0
BUTTON_TRIES = 7  # to send the buttons of an album: a minute, about
OVER = frozenset({BatchState.FINISHED, BatchState.CANCELLED})


class BatchDelivery:
    """Carries this bot's batches on."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        bot: ExtBot[int],
        bot_id: int,
        batches: Batches,
        jobs: Jobs,
        images: Images,
        tickets: Tickets,
        progress: ProgressMessage,
        *,
        default_model: str,
        left_s: float = LEFT_S,
    ) -> None:
        """Deliver for the bot with this id; ``default_model`` paints what names no model.

        Args:
            left_s: Until what a store that is away kept back is tried again, the first time.
        """
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._batches = batches
        self._jobs = jobs
        self._images = images
        self._tickets = tickets
        self._progress = progress
        self._default_model = default_model
        self._left_s = left_s
        self._news = asyncio.Event()
        self._in_hand: dict[int, asyncio.Task[None]] = {}
        self._ending = asyncio.Event()

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
            await wait_for_news(self._news, LOOK_EVERY_S if self._in_hand else IDLE_LOOK_S)

    def wind_down(self) -> None:
        """Begin no further album or part: a batch's would go on for minutes, within Telegram's limits."""
        self._ending.set()

    async def finish(self) -> None:
        """Let deliveries under way end."""
        if self._in_hand:
            await asyncio.wait(list(self._in_hand.values()), timeout=UPLOAD_S)

    def _carried(self, batch_id: int, _: "asyncio.Task[None]") -> None:
        self._in_hand.pop(batch_id, None)

    async def _carry(self, batch: Batch) -> None:
        try:
            await self._try(batch)
        except StoreAway as error:
            log.warning("batch left for later", extra={"batch_id": batch.id, "error": str(error)})
        except Exception:
            # The round's outer door: the lease runs out, and somebody tries again.
            log.exception("batch failed unexpectedly", extra={"batch_id": batch.id})

    async def _try(self, batch: Batch) -> None:
        await self._fill(batch)
        await asyncio.to_thread(self._batches.finish, batch.id)
        now = await asyncio.to_thread(self._batches.read, batch.id)
        if now is not None and now.delivered_at is None:
            if now.state not in OVER:
                await self._progress.show(now)
            await self._bring_home(now)

    async def _fill(self, batch: Batch) -> None:
        while batch.state is BatchState.RUNNING:
            count = await asyncio.to_thread(self._batches.fill, batch.id)
            if not count:
                return
            self._tickets.send(count)

    # The way home

    async def _bring_home(self, batch: Batch) -> None:
        is_over = batch.state in OVER
        waiting = await asyncio.to_thread(self._batches.to_send, batch.id)
        is_enough = len(waiting) >= ALBUM and batch.delivery_format is not DeliveryFormat.ZIP
        if not (is_over or batch.sending or batch.without_buttons or is_enough):
            return
        if self._ending.is_set() or not await asyncio.to_thread(self._batches.claim_home, batch.id):
            return
        try:
            if batch.undelivered_reason is None:
                await self._send(batch, is_over=is_over)
        except TelegramError as error:
            await self._failed(batch, error)
        except StoreAway:
            seconds = pause_for_store(batch.delivery_tries + 1, self._left_s)
            await record(self._batches.let_go, batch.id, retry_after_s=seconds, well=False)
            raise
        except Exception as error:
            if batch.delivery_tries + 1 < MAX_UNKNOWN_TRIES:
                raise
            await self._give_up(batch, Refusal.UNKNOWN, type(error).__name__)
        else:
            if batch.undelivered_reason is None:
                meters().delivered("batch", "sent")
            # What is left at the end of the process is the next one's.
            left = await asyncio.to_thread(self._batches.to_send, batch.id) if self._ending.is_set() else []
            is_all = is_over and not left
            await (self._close(batch) if is_all else asyncio.to_thread(self._batches.let_go, batch.id))

    async def _send(self, batch: Batch, *, is_over: bool) -> None:
        lacking = await self._settle(batch) if batch.sending else batch.without_buttons
        if batch.delivery_format is not DeliveryFormat.ZIP:
            if lacking:
                every = await asyncio.to_thread(self._batches.jobs, batch.id)
                await self._send_buttons(batch, [job for job in every if job.id in lacking])
            await self._send_albums(batch, is_over=is_over)
        elif is_over:
            await self._send_parts(batch)

    async def _close(self, batch: Batch) -> None:
        """Say what came of it, and only then note that all is done: a kill between the two costs one edit more."""
        tell_in_s: float | None = None
        try:
            await self._progress.close(batch)
            tell_in_s = self._progress.may_change_s(batch) or None
        except TelegramError as error:
            match after(error, tries=batch.delivery_tries + 1):
                case Again(seconds) | Unsure(seconds):
                    await self._put_off(batch, seconds)
                    return
            log.warning("progress message not closed yet", extra=_fields(batch) | {"error": words_of(error)})
            tell_in_s = 0.0
        await asyncio.to_thread(self._batches.delivered, batch.id, tell_in_s=tell_in_s)
        fields = {"state": str(batch.state), "undelivered": batch.undelivered_reason}
        log.info("batch delivery ended", extra=_fields(batch) | fields)

    async def close(self, batch_id: int) -> None:
        """Make a batch's message say what came of it.

        Raises:
            TelegramError: Telegram did not do it.
        """
        batch = await asyncio.to_thread(self._batches.read, batch_id)
        if batch is not None:
            await self._progress.close(batch)

    async def _settle(self, batch: Batch) -> Sequence[int]:
        """Find out what became of pictures that were being sent when somebody fell silent.

        Returns:
            The jobs of an album that came, and is still to have its buttons.
        """
        if not await self._progress.saw(batch):
            await asyncio.to_thread(self._batches.not_sent, batch.id)
            return ()
        came = [(job_id, None, None) for job_id in batch.sending]
        lacking = () if batch.delivery_format is DeliveryFormat.ZIP else batch.sending
        await asyncio.to_thread(self._batches.sent, batch.id, came, without_buttons=lacking)
        return lacking

    async def _failed(self, batch: Batch, error: TelegramError) -> None:
        """Decide what becomes of a delivery that failed; tries count from what was sent last."""
        now = await asyncio.to_thread(self._batches.read, batch.id) or batch
        fields = _fields(batch) | {"tries": now.delivery_tries, "error": words_of(error)}
        match after(error, tries=max(now.delivery_tries, 1)):
            case Again(seconds):
                meters().delivered("batch", "put off")
                log.info("batch put off", extra=fields | {"seconds": round(seconds, 1)})
                await self._put_off(batch, seconds)
            case Unsure(seconds):
                meters().delivered("batch", "uncertain")
                log.warning("batch uncertain", extra=fields | {"seconds": round(seconds, 1)})
                await self._put_off(batch, seconds)
            case Refused(reason):
                await self._give_up(now, reason, words_of(error))
            case ChatGone():
                await self._give_up(now, Refusal.CHAT_GONE, words_of(error))

    async def _put_off(self, batch: Batch, seconds: float) -> None:
        await asyncio.to_thread(self._batches.let_go, batch.id, retry_after_s=seconds, well=False)

    async def _give_up(self, batch: Batch, reason: Refusal, words: str) -> None:
        """Paint no more of it, and say why."""
        meters().delivered("batch", "given up")
        level = logging.WARNING if reason in CHATS_OWN else logging.ERROR
        log.log(level, "batch given up", extra=_fields(batch) | {"reason": str(reason), "error": words})
        await asyncio.to_thread(self._batches.give_up, batch.id, reason)
        now = await asyncio.to_thread(self._batches.read, batch.id)
        if now is not None:
            await self._close(now)

    async def _send_albums(self, batch: Batch, *, is_over: bool) -> None:
        """Send what is finished, ten at a time; fewer only at the end."""
        while len(jobs := await asyncio.to_thread(self._batches.to_send, batch.id)) >= (1 if is_over else ALBUM):
            pictures = [(job, data) for job in jobs if (data := await self._picture(job)) is not None]
            messages = list[Message]()
            if pictures:
                async with self._progress.witnessing(batch, jobs):
                    messages = await self._send_pictures(batch, pictures)
            sent = {job.id: message for (job, _), message in zip(pictures, messages, strict=True)}
            notes, album = [_note(job, sent.get(job.id)) for job in jobs], [job for job, _ in pictures]
            await record(self._batches.sent, batch.id, notes, without_buttons=[job.id for job in album])
            await self._send_buttons(batch, album)
            if self._ending.is_set():
                return

    async def _picture(self, job: Job) -> bytes | None:
        try:
            return await asyncio.to_thread(self._images.get, str(job.image_key))
        except FileNotFoundError:
            log.error("picture is gone from the image store", extra={"job_id": job.id, "key": job.image_key})  # noqa: TRY400
            return None

    async def _send_pictures(self, batch: Batch, pictures: list[tuple[Job, bytes]]) -> list[Message]:
        jobs = [job for job, _ in pictures]
        caption = write_album(jobs) if len(jobs) > 1 else write_caption(jobs[0], default_model=self._default_model)
        return await self._sending.pictures(
            batch.address,
            [Upload(data, file_name(job)) for job, data in pictures],
            caption,
            keyboards.picture(jobs[0]) if len(jobs) == 1 else None,
            as_files=any(job.request.parameters.as_file for job, _ in pictures),
            quiet=True,
        )

    async def _send_buttons(self, batch: Batch, album: Sequence[Job]) -> None:
        """Send the buttons of an album, which can't carry any, below it, and note that it has them."""
        if len(album) > 1:
            await self._try_to_send_buttons(batch, album)
        await record(self._batches.has_buttons, batch.id)

    async def _try_to_send_buttons(self, batch: Batch, jobs: Sequence[Job]) -> None:
        words = Words(say("batch_album", batch.sender.language))
        for tries in range(1, BUTTON_TRIES + 1):
            try:
                await self._sending.text(batch.address, words, keyboards.album(jobs), quiet=True)
            except TelegramError as error:
                match after(error, tries=tries):
                    case Again(seconds) | Unsure(seconds) if tries < BUTTON_TRIES and seconds <= UPLOAD_S:
                        # The next album stands below them, so they are waited for here.
                        await asyncio.to_thread(self._batches.renew_home, batch.id)
                        await asyncio.sleep(seconds)
                    case _:
                        log.warning("buttons refused below an album", extra=_fields(batch) | {"error": words_of(error)})
                        return
            else:
                return

    async def _send_parts(self, batch: Batch) -> None:
        """Send ZIPs until every picture is in one that was sent; smaller ones where the server takes none so large."""
        most_bytes = MAX_PART_BYTES
        every = await asyncio.to_thread(self._batches.jobs, batch.id)
        skipped = await asyncio.to_thread(self._batches.skipped, batch.id)
        while jobs := await asyncio.to_thread(self._batches.to_send, batch.id, limit=PICTURES_A_PART):
            part = 1 + len({job.delivered_message_id for job in every if job.delivered_message_id is not None})
            file, packed = await asyncio.to_thread(
                self._pack, f"batch-{batch.id}-{part}.zip", jobs, write_manifest(every, skipped), most_bytes
            )
            try:
                async with self._progress.witnessing(batch, packed):
                    message = await self._send_part(batch, file, part, len(packed))
            except TelegramError as error:
                if refusal_of(error) is not Refusal.TOO_LARGE or len(packed) == 1:
                    raise
                most_bytes = len(file.data) // 2
                log.warning("part too large for Telegram's server", extra=_fields(batch) | {"bytes": len(file.data)})
                continue
            sent = [(job.id, message.message_id, None) for job in packed]
            await record(self._batches.sent, batch.id, sent)
            await asyncio.to_thread(self._batches.renew_home, batch.id)
            if self._ending.is_set():
                return
            every = await asyncio.to_thread(self._batches.jobs, batch.id)

    async def _send_part(self, batch: Batch, file: Upload, part: int, pictures: int) -> Message:
        caption = say("batch_part", batch.sender.language, part=part, n=pictures)
        return await self._sending.document(batch.address, file, caption, quiet=True, upload_s=PART_UPLOAD_S)

    def _pack(self, name: str, jobs: list[Job], manifest: str, most_bytes: int) -> tuple[Upload, list[Job]]:
        """Make a ZIP of as many pictures as fit into so many bytes, at least one; returns it, and which these are."""
        table = manifest.encode("utf-8-sig")  # Excel takes a CSV for UTF-8 only if it says so.
        size, packed, content = len(table), list[Job](), io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("manifest.csv", table)
            for job in jobs:
                try:
                    data = self._images.get(str(job.image_key))
                except FileNotFoundError:
                    log.error("picture is gone from the image store", extra={"job_id": job.id, "key": job.image_key})  # noqa: TRY400
                    packed.append(job)
                    continue
                size += len(data) + 2 * len(file_name(job)) + 200  # the archive's own entries for it
                if packed and size > most_bytes:
                    break
                archive.writestr(file_name(job), data)
                packed.append(job)
        return Upload(content.getvalue(), name), packed


def _fields(batch: Batch) -> dict[str, object]:
    return {"batch_id": batch.id, "chat_id": batch.address.chat_id}


def _note(job: Job, message: Message | None) -> tuple[int, int | None, str | None]:
    if message is None:
        return job.id, None, None
    file = message.photo[-1] if message.photo else message.document
    return job.id, message.message_id, file.file_id if file else None
