"""Files that come with messages: which one a message brings, and fetching it into the image store."""

import asyncio
import logging
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from telegram import Audio, Bot, Document, ExternalReplyInfo, File, Message, PhotoSize, Voice
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, TelegramError

from services.bot.telegram.chat_actions import chat_action
from services.bot.telegram.errors import NotTelegram, Refusal, refusal_of, words_of
from services.bot.telegram.local_files import is_local, read_local
from services.bot.telegram.repeats import pause_s
from services.bot.texts.number_format import duration, rounded
from shared.errors import (
    FileGone,
    FileOutOfReach,
    FileTooLargeToFetch,
    ImagineError,
    ServiceUnreachable,
    TooMuchSent,
    UserError,
)
from shared.images import Images, key_of_sent
from shared.jobs import Address, Sender
from shared.media_types import UNKNOWN, Purpose, require_contents, require_kind
from shared.store.sent_files import SentFiles

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 20 * 1024 * 1024  # Telegram's limit for what a bot may fetch
FETCH_S = 60.0
REFUSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
ADDRESS_TRIES = 2  # A link to a file may expire between getFile and the download; the next getFile gives a new one.


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that came with a message, as Telegram names it; size in bytes, 0 where it isn't told."""

    file_id: str
    media_type: str
    name: str
    size: int

    @property
    def is_picture(self) -> bool:
        """Whether it is a photo, or a picture that was sent as a file."""
        return self.media_type.startswith("image/")


class Files:
    """Fetches files from Telegram, or from the folder of a Bot API server that runs in local mode."""

    def __init__(self, bot: Bot, images: Images, sent_files: SentFiles, folder: Path | None = None) -> None:
        """Take the image store for what is kept, and the record of it.

        Args:
            folder: Where the files of a local Bot API server are mounted (``G2D_BOT_API_FILES``).
        """
        self._bot = bot
        self._images = images
        self._sent_files = sent_files
        self._folder = folder

    async def keep(
        self, sent: Sent, purpose: Purpose, address: Address, sender: Sender, *, replied: bool = False
    ) -> str:
        """Put a file into the image store, and return its key; what asks again overwrites the same.

        What is told to be of no use is not fetched, and what turns out to be of none is not kept.

        Args:
            address: The message that asks for it.
            sender: Who asks; it counts towards what they may send.
            replied: Whether the file is not the message's own but that of what it replies to.

        Raises:
            FileNotUnderstood, PictureUnreadable, FileTooLarge: It is of no use for the purpose.
            TooMuchSent: This person has sent as much as one may.
            FileTooLargeToFetch, FileGone, FileOutOfReach, ServiceUnreachable: As ``read`` does.
            StoreAway: The image store or the record does not answer.
        """
        if sent.size > MAX_FILE_BYTES:
            raise FileTooLargeToFetch
        require_kind(purpose, sent.media_type, sent.name, sent.size)
        key = key_of_sent(address.chat_id, address.message_id, replied=replied)
        await asyncio.to_thread(self._make_room, key, sender, sent.size)
        data = await self._fetch(sent, purpose, address, key)
        await asyncio.to_thread(self._put, key, sent, purpose, sender, data)
        return key

    async def _fetch(self, sent: Sent, purpose: Purpose, address: Address, key: str) -> bytes:
        action = ChatAction.UPLOAD_PHOTO if purpose is Purpose.PICTURE else ChatAction.TYPING
        try:
            async with chat_action(self._bot, action, address.chat_id, address.topic_id):
                return await self.read(sent.file_id)
        except ImagineError:
            await asyncio.to_thread(self._sent_files.not_kept, key, counts=False)
            raise

    def _put(self, key: str, sent: Sent, purpose: Purpose, sender: Sender, data: bytes) -> None:
        try:
            if len(data) != sent.size:
                self._make_room(key, sender, len(data))
            require_contents(purpose, sent.media_type, data)
        except UserError:
            self._sent_files.not_kept(key, counts=True)
            raise
        self._images.keep_sent(key, data)

    def _make_room(self, key: str, sender: Sender, size: int) -> None:
        try:
            self._sent_files.make_room(key, sender, size)
        except TooMuchSent as error:
            error.values = {**error.values, "time": duration(rounded(error.seconds), sender.language)}
            raise

    async def read(self, file_id: str) -> bytes:
        """Read a file's bytes, at most ``MAX_FILE_BYTES``.

        Raises:
            FileTooLargeToFetch: Telegram doesn't let bots read it.
            FileGone: Telegram has it no more.
            FileOutOfReach: Telegram has it, but not at an address where we can read it; the log says why.
            ServiceUnreachable: Telegram did not answer in time; nothing was written down.
        """
        for number in range(ADDRESS_TRIES):
            found = await self._find(file_id)
            if found is not None:
                return found
            log.warning("file not found at its address", extra={"try": number + 1})
        log.error(
            "files can't be downloaded: getFile knows them, and their address answers 400, 401, 403 or 404",
            extra={"to_do": "make the server at TELEGRAM_API_URL, or the proxy before it, serve /file/bot… as well"},
        )
        raise FileOutOfReach("the file endpoint refuses")

    async def _find(self, file_id: str) -> bytes | None:
        """Ask once where the file is, and read it there; None where there is nothing at that address."""
        try:
            file = await self._bot.get_file(file_id)
        except BadRequest as error:
            if refusal_of(error) is Refusal.TOO_LARGE:
                raise FileTooLargeToFetch from error
            log.warning("file gone", extra={"description": error.message})
            raise FileGone(error.message) from error
        except (NetworkError, InvalidToken) as error:
            raise ServiceUnreachable(f"getFile was not answered: {type(error).__name__}") from error
        path = (file.file_path or "").removeprefix(f"{self._bot.base_file_url}/")
        if is_local(path):
            hidden = path.replace(self._bot.token, "TOKEN")
            return await asyncio.to_thread(read_local, path, self._folder, hidden, limit=MAX_FILE_BYTES)
        try:
            return await _download(file)
        except (InvalidToken, BadRequest, Forbidden):
            # The library's InvalidToken stands for 401 and 404.
            return None
        except NetworkError as error:
            if isinstance(error, NotTelegram) and error.status in REFUSING:
                return None
            # A question may be asked again, whatever became of the first one.
            raise ServiceUnreachable(f"no file from Telegram: {type(error).__name__}") from error


async def _download(file: File) -> bytes:
    """Read a file from Telegram's server; after a hiccup at once again.

    Raises:
        TelegramError: The server does not have it, or did not send it as often as it was tried.
    """
    failures = 0
    while True:
        try:
            return bytes(await file.download_as_bytearray(read_timeout=FETCH_S))
        except TelegramError as error:
            failures += 1
            pause = pause_s(error, "getFile", failures=failures, for_handler=True)
            if pause is None:
                raise
            log.info("download repeated", extra={"error": words_of(error), "failures": failures})
        await asyncio.sleep(pause)


def sent_with(message: Message | ExternalReplyInfo) -> Sent | None:
    """The photo, voice note, piece of music or document in a message, if there is one."""
    photo = message.photo or (message.live_photo.photo if message.live_photo is not None else ())
    if photo:
        largest = photo[-1]
        return Sent(largest.file_id, "image/jpeg", "photo.jpg", _size(largest))
    if message.voice is not None:
        voice = message.voice
        return Sent(voice.file_id, voice.mime_type or "audio/ogg", "voice.ogg", _size(voice))
    file = message.audio or message.document
    if file is None:
        return None
    told = file.mime_type or ("audio/mpeg" if message.audio else UNKNOWN)
    # Telegram's clients don't know many a text file; its name does.
    media_type = told if told != UNKNOWN else mimetypes.guess_type(file.file_name or "")[0] or UNKNOWN
    return Sent(file.file_id, media_type, file.file_name or "file", _size(file))


def _size(file: PhotoSize | Voice | Audio | Document) -> int:
    return max(file.file_size or 0, 0)


def picture_in(message: Message | None) -> Sent | None:
    """The photo in a message, or the picture that it brings as a file; None where it brings none."""
    sent = sent_with(message) if message is not None else None
    return sent if sent is not None and sent.is_picture else None
