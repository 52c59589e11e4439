"""``/export``: a person's pictures with their history, packed by a worker, sent as documents."""

import asyncio
import logging

from telegram import Bot
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.telegram.callback_queries import edit
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.outbox_relay import record
from services.bot.telegram.sending import Sending, Upload
from services.bot.texts.locales import say
from shared.errands import Errand, ErrandKind, ShownMessages, StoredPart
from shared.errors import ExportUnderWay, StoreAway
from shared.images import Images
from shared.jobs import Address
from shared.store.errands import Errands
from shared.tickets import Tickets

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
PART_UPLOAD_S = 150.0


class Exports:
    """Takes ``/export``, shows how far it is, and sends what was packed."""

    def __init__(self, bot: ExtBot[int], bot_id: int, errands: Errands, images: Images, tickets: Tickets) -> None:
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._errands = errands
        self._images = images
        self._tickets = tickets
        self._told: dict[int, str] = {}

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/export``: one at a time a person."""
        if not asked.address.private:
            await asked.answer(say("own_data_in_private", asked.language))
            return
        try:
            errand, is_new = await asyncio.to_thread(
                self._errands.submit, ErrandKind.EXPORT, {}, address=asked.address, sender=asked.sender
            )
        except ExportUnderWay:
            await asked.answer(say(ExportUnderWay.reason, asked.language))
            return
        if is_new:
            shown = await asked.answer(say("export_begins", asked.language))
            await record(self._errands.keep_shown, errand.id, {"messages": [shown.message_id], "said": 0})
            self._tickets.send()

    async def keep_telling(self, bot: Bot) -> None:
        """Show in the status messages how far exports are. Runs until cancelled."""
        while True:
            try:
                under_way = await asyncio.to_thread(self._errands.exporting, self._bot_id)
                self._told = {one.id: self._told[one.id] for one in under_way if one.id in self._told}
                for errand in under_way:
                    await self._tell(bot, errand)
            except (StoreAway, TelegramError) as error:
                log.info("progress of exports not told", extra={"error": type(error).__name__})
            await asyncio.sleep(LOOK_EVERY_S)

    async def _tell(self, bot: Bot, errand: Errand) -> None:
        if errand.result is None or errand.shown is None:
            return
        done, pictures = errand.result["done"], errand.result["pictures"]
        text = say("export_running", errand.sender.language, done=done, all=pictures)
        if text != self._told.get(errand.id):
            self._told[errand.id] = text
            await edit(bot, errand.address.chat_id, errand.shown["messages"][0], text, None)

    async def send(self, errand: Errand) -> Errand:
        """Send the parts that were not sent yet, and have packed what is left; returns the errand as it is by then.

        A part whose sending nobody could write down comes twice.

        Raises:
            TelegramError: Telegram did not take one.
        """
        parts = errand.result["parts"] if errand.result else []
        shown: ShownMessages = errand.shown or {"messages": [], "said": 0}
        for place, part in enumerate(parts):
            if place >= shown.get("parts", 0):
                await self._send_part(errand, part, errand.question.get("part", 0) + place + 1)
                shown = {**shown, "parts": place + 1}
                await record(self._errands.keep_shown, errand.id, shown)
            await asyncio.to_thread(self._images.delete, [part["key"]])
        if errand.result and not errand.result["is_all"]:
            await asyncio.to_thread(self._go_on, errand, len(parts))
        return await asyncio.to_thread(self._errands.read, errand.id) or errand

    async def _send_part(self, errand: Errand, part: StoredPart, number: int) -> None:
        try:
            data = await asyncio.to_thread(self._images.get, part["key"])
        except FileNotFoundError:
            log.error("part of an export is gone", extra={"errand_id": errand.id, "key": part["key"]})  # noqa: TRY400
            return
        caption = say("export_part", errand.sender.language, part=number, pictures=part["pictures"])
        file = Upload(data, f"export-{errand.id}-{number}.zip")
        await self._sending.document(errand.address, file, caption, quiet=True, upload_s=PART_UPLOAD_S)

    def _go_on(self, errand: Errand, parts: int) -> None:
        """Have the next parts packed, for which there was no room before these were sent. Twice is once."""
        if errand.result is None:
            return
        address = Address(self._bot_id, errand.address.chat_id, errand.address.message_id, press=f"e{errand.id}")
        new, _ = self._errands.submit(
            ErrandKind.EXPORT,
            {"last": errand.result["last"], "part": errand.question.get("part", 0) + parts, "goes_on": True},
            address=address,
            sender=errand.sender,
        )
        if errand.shown is not None and new.shown is None:
            self._errands.keep_shown(new.id, {"messages": errand.shown["messages"], "said": 0})
        self._tickets.send()
