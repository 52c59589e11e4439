"""The one way out of the bot: sends texts, pictures and documents, and edits messages. Each is tried once.

What Telegram refuses in one form is sent in another, where there is one: without a topic or a replied-to message that
is gone, without entities that it does not take, as a document instead of a photo, as smaller JPEGs. All other errors
are the caller's, who asks ``errors.after`` what follows.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import PurePath
from typing import Required, TypedDict, TypeVar

from telegram import (
    InlineKeyboardMarkup,
    InputFile,
    InputMediaDocument,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    MessageEntity,
)
from telegram.constants import ParseMode
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.telegram.addresses import reply_to
from services.bot.telegram.errors import Refusal, Refused, Sent, after, refusal_of
from services.bot.telegram.flood_limit import ONCE
from services.bot.telegram.smaller_jpegs import smaller_jpegs
from shared.jobs import Address

log = logging.getLogger(__name__)

MAX_PHOTO_BYTES = 10 * 1024 * 1024  # Telegram's limit for a photo; a document may have 50 MB
UPLOAD_S = 60.0
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
LEFT_OUT = {Refusal.TOPIC_GONE: "message_thread_id", Refusal.REPLY_GONE: "reply_parameters"}

T = TypeVar("T")


class Edit(Enum):
    """What came of an edit."""

    CHANGED = auto()
    AS_IT_WAS = auto()
    GONE = auto()  # there is no such message
    REFUSED = auto()  # it can't be edited any more


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says.

    Attributes:
        entities: Its looks; None: the text is Telegram HTML.
        preview: Whether Telegram shows a preview of the first link.
    """

    text: str
    entities: Sequence[MessageEntity] | None = None
    preview: bool = True


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is sent."""

    data: bytes
    name: str


class _Shown(TypedDict, total=False):
    """Arguments of a call: what a message says."""

    text: Required[str]
    parse_mode: str
    entities: Sequence[MessageEntity]
    link_preview_options: LinkPreviewOptions


class Sending:
    """Sends and edits messages of one bot. All methods raise a TelegramError where Telegram took nothing for sure."""

    def __init__(self, bot: ExtBot[int], *, repeating: bool = False) -> None:
        """Send with this bot.

        Args:
            repeating: Let the flood limit repeat what fails, as it does with all that handlers answer.
        """
        self._bot = bot
        self._tries = None if repeating else ONCE

    async def text(
        self, address: Address, words: Words, keyboard: InlineKeyboardMarkup | None = None, *, quiet: bool = False
    ) -> Message:
        """Send words to where an answer to this address goes; ``quiet``: without a notification."""
        send, content = self._bot.send_message, {"reply_markup": keyboard, "disable_notification": quiet}
        return await _in_words(words, lambda shown: self._post(address, send, **shown, **content))

    async def edit(
        self, chat_id: int, message_id: int, words: Words, keyboard: InlineKeyboardMarkup | None = None
    ) -> Edit:
        """Make a message say something else."""

        async def change(shown: _Shown) -> None:
            await self._bot.edit_message_text(
                **shown, chat_id=chat_id, message_id=message_id, reply_markup=keyboard, rate_limit_args=self._tries
            )

        try:
            await _in_words(words, change)
        except TelegramError as error:
            match after(error, tries=1):
                case Sent():
                    return Edit.AS_IT_WAS
                case Refused(Refusal.MESSAGE_GONE):
                    return Edit.GONE
                case Refused(Refusal.NOT_EDITABLE):
                    return Edit.REFUSED
            raise
        return Edit.CHANGED

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message; one that is gone is as good as deleted."""
        try:
            await self._bot.delete_message(chat_id, message_id, rate_limit_args=self._tries)
        except TelegramError as error:
            if refusal_of(error) is not Refusal.MESSAGE_GONE:
                raise

    async def pictures(
        self,
        address: Address,
        pictures: Sequence[Upload],
        caption: str,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        as_files: bool = False,
        quiet: bool = False,
    ) -> list[Message]:
        """Send one picture, or two to ten as an album.

        Args:
            caption: Telegram HTML; an album's first picture has it.
            keyboard: For one picture; an album can't carry buttons.
            as_files: Uncompressed. Otherwise they are photos, if Telegram takes all of them as such.
        """
        smaller = smaller_jpegs([picture.data for picture in pictures])
        not_photos = as_files
        while True:
            files = not_photos or any(len(picture.data) > MAX_PHOTO_BYTES for picture in pictures)
            try:
                return await self._send_pictures(address, pictures, caption, keyboard, files=files, quiet=quiet)
            except TelegramError as error:
                match refusal_of(error):
                    case Refusal.NOT_A_PHOTO if not files:
                        not_photos = True
                    case Refusal.TOO_LARGE:
                        pictures = _renamed(pictures, await asyncio.to_thread(next, smaller, None))
                        if not pictures:
                            raise
                    case _:
                        raise

    async def document(
        self,
        address: Address,
        file: Upload,
        caption: str | None = None,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        quiet: bool = False,
        upload_s: float = UPLOAD_S,
    ) -> Message:
        """Send a file; ``caption`` is Telegram HTML."""
        return await self._post(
            address,
            self._bot.send_document,
            document=InputFile(file.data, filename=file.name),
            caption=caption,
            parse_mode=ParseMode.HTML,
            reply_markup=keyboard,
            disable_notification=quiet,
            disable_content_type_detection=True,
            write_timeout=upload_s,
        )

    async def _send_pictures(
        self,
        address: Address,
        pictures: Sequence[Upload],
        caption: str,
        keyboard: InlineKeyboardMarkup | None,
        *,
        files: bool,
        quiet: bool,
    ) -> list[Message]:
        if len(pictures) > 1:
            media = _album(pictures, caption, files=files)
            album = await self._post(
                address, self._bot.send_media_group, media=media, disable_notification=quiet, write_timeout=UPLOAD_S
            )
            return list(album)
        if files:
            return [await self.document(address, pictures[0], caption, keyboard, quiet=quiet)]
        photo = await self._post(
            address,
            self._bot.send_photo,
            photo=InputFile(pictures[0].data, filename=pictures[0].name),
            caption=caption,
            parse_mode=ParseMode.HTML,
            reply_markup=keyboard,
            disable_notification=quiet,
            write_timeout=UPLOAD_S,
        )
        return [photo]

    async def _post(self, address: Address, send: Callable[..., Awaitable[T]], **content: object) -> T:
        """Send into the topic of the message that asked, and in reply to it, where these are still there."""
        where = {
            "chat_id": address.chat_id,
            "message_thread_id": address.topic_id,
            "reply_parameters": reply_to(address),
        }
        while True:
            try:
                return await send(**where, **content, rate_limit_args=self._tries)
            except TelegramError as error:
                gone = LEFT_OUT.get(refusal_of(error) or Refusal.UNKNOWN)
                if gone is None or where.pop(gone, None) is None:
                    raise


async def _in_words(words: Words, show: Callable[[_Shown], Awaitable[T]]) -> T:
    """Show words with their entities, or without them if Telegram does not take these."""
    try:
        return await show(_arguments(words))
    except TelegramError as error:
        if not words.entities or refusal_of(error) is not Refusal.ENTITIES:
            raise
        log.warning("entities refused, sent without them", extra={"error": error.message})
    return await show(_arguments(replace(words, entities=())))


def _arguments(words: Words) -> _Shown:
    shown: _Shown = {"text": words.text}
    if words.entities is None:
        shown["parse_mode"] = ParseMode.HTML
    else:
        shown["entities"] = words.entities
    if not words.preview:
        shown["link_preview_options"] = NO_PREVIEW
    return shown


def _album(pictures: Sequence[Upload], caption: str, *, files: bool) -> list[InputMediaPhoto | InputMediaDocument]:
    kind = InputMediaDocument if files else InputMediaPhoto
    return [
        kind(picture.data, filename=picture.name, caption=None if place else caption, parse_mode=ParseMode.HTML)
        for place, picture in enumerate(pictures)
    ]


def _renamed(pictures: Sequence[Upload], jpegs: Sequence[bytes] | None) -> list[Upload]:
    """The pictures as these JPEGs; none where there are none."""
    if jpegs is None:
        return []
    sizes = {"refused_bytes": sum(len(one.data) for one in pictures), "bytes": sum(map(len, jpegs))}
    log.warning("Telegram's server takes no request of this size, sending smaller JPEGs", extra=sizes)
    return [Upload(data, f"{PurePath(picture.name).stem}.jpg") for picture, data in zip(pictures, jpegs, strict=True)]
