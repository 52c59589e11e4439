"""The sheets of pictures above the buttons for styles and image models: sent as a photo in the place of the message.

Telegram makes no text of a photo, so a message is sent anew where a page has a sheet and the page before had none, or
the other way round.
"""

import asyncio
import logging
from dataclasses import replace

from telegram import Bot, CallbackQuery, InlineKeyboardMarkup, InputFile, Message
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError

from services.bot.telegram.addresses import Where, address_of, answer, visible
from services.bot.telegram.callback_queries import is_shown, rewrite
from services.bot.telegram.errors import Refusal, refusal_of
from shared.errors import StoreAway
from shared.images import Images
from shared.samples import SampleKind, Sheet
from shared.sheets import Sheets

log = logging.getLogger(__name__)

KINDS = {str(kind): kind for kind in SampleKind}


class SheetPhotos:
    """Shows them; without a sheet a page is words and buttons alone."""

    def __init__(self, sheets: Sheets, images: Images, bot_id: int) -> None:
        self._sheets = sheets
        self._images = images
        self._bot_id = bot_id

    async def of(self, page: str) -> Sheet | None:
        """The sheet of a page of the settings; None where it has none."""
        kind = KINDS.get(page)
        try:
            return await asyncio.to_thread(self._sheets.read, kind, self._bot_id) if kind is not None else None
        except StoreAway:
            return None

    async def turn(
        self, bot: Bot, query: CallbackQuery, sheet: Sheet | None, text: str, buttons: InlineKeyboardMarkup
    ) -> None:
        """Make the message of a press a page with this sheet, or without one."""
        message = visible(query.message) if query.message is not None else None
        if message is None or (sheet is None and not message.photo):
            await rewrite(bot, query, text, buttons)
        elif is_shown(query) and sheet is not None and message.photo:
            await _rewrite_caption(bot, message, text, buttons)
        elif is_shown(query) and await _was_taken_away(bot, message):
            where = answer(replace(address_of(message, self._bot_id), message_id=0))
            if sheet is None or not await self._send(bot, sheet, text, buttons, where):
                await bot.send_message(text=text, reply_markup=buttons, **where)

    async def _send(self, bot: Bot, sheet: Sheet, text: str, buttons: InlineKeyboardMarkup, where: Where) -> bool:
        """Send a sheet; False where it is gone."""
        if sheet.file_id is not None:
            try:
                await bot.send_photo(photo=sheet.file_id, caption=text, reply_markup=buttons, **where)
            except BadRequest as error:
                log.info("sheet not known to Telegram any more", extra={"kind": sheet.kind, "error": error.message})
            else:
                return True
        try:
            data = await asyncio.to_thread(self._images.get, sheet.key)
        except (FileNotFoundError, StoreAway) as error:
            log.warning("sheet not shown", extra={"kind": sheet.kind, "error": type(error).__name__})
            return False
        photo = InputFile(data, filename="samples.jpg")
        sent = await bot.send_photo(photo=photo, caption=text, reply_markup=buttons, **where)
        if sent.photo:
            await asyncio.to_thread(self._sheets.keep_file, sheet, self._bot_id, sent.photo[-1].file_id)
        return True


async def _rewrite_caption(bot: Bot, message: Message, text: str, buttons: InlineKeyboardMarkup) -> None:
    try:
        await bot.edit_message_caption(
            message.chat_id, message.message_id, caption=text, parse_mode=ParseMode.HTML, reply_markup=buttons
        )
    except BadRequest:
        return  # Not modified by a second press, or deleted meanwhile.


async def _was_taken_away(bot: Bot, message: Message) -> bool:
    """Take a message away; False where an earlier press has done so. One that is too old for that stays."""
    try:
        await bot.delete_message(message.chat_id, message.message_id)
    except TelegramError as error:
        if refusal_of(error) is Refusal.MESSAGE_GONE:
            return False
        log.info("settings not taken away", extra={"chat_id": message.chat_id, "error": error.message})
    return True
