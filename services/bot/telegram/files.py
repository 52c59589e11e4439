"""Files that come with messages: which one a message brings, and fetching it into the image store."""

import asyncio
import contextlib
import logging
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from telegram import Bot, ExternalReplyInfo, File, Message
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, TelegramError

from services.bot.telegram.errors import NotTelegram, Refusal, refusal_of, words_of
from services.bot.telegram.local_files import is_local, read_local
from services.bot.telegram.repeats import pause_s
from shared.errors import FileGone, FileOutOfReach, FileTooLargeToFetch, ServiceUnreachable
from shared.images import Images
from shared.jobs import Address

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 20 * 1024 * 1024  # Telegram's limit for what a bot may fetch
FETCH_S = 60.0
UNKNOWN = "application/octet-stream"
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

    def __init__(self, bot: Bot, images: Images, folder: Path | None = None) -> None:
        """Take the image store for what is kept.

        Args:
            folder: Where the files of a local Bot API server are mounted (``G2D_BOT_API_FILES``).
        """
        self._bot = bot
        self._images = images
        self._folder = folder

    async def keep(
        self, sent: Sent, address: Address, *, action: ChatAction = ChatAction.TYPING, replied: bool = False
    ) -> str:
        """Put a file into the image store, and return its key; what asks again overwrites the same.

        Args:
            address: The message that asks for it.
            action: What the chat is shown meanwhile.
            replied: Whether the file is not the message's own but that of what it replies to.

        Raises:
            FileTooLargeToFetch, FileGone, FileOutOfReach, ServiceUnreachable: As ``read`` does.
            StoreAway: The image store does not answer.
        """
        if sent.size > MAX_FILE_BYTES:
            raise FileTooLargeToFetch
        # What the chat is shown must not keep the file waiting: it may have to wait for Telegram's limits.
        showing = asyncio.create_task(self._show(action, address))
        try:
            data = await self.read(sent.file_id)
        finally:
            showing.cancel()
        keep_sent = self._images.keep_sent
        return await asyncio.to_thread(keep_sent, address.chat_id, address.message_id, data, replied=replied)

    async def _show(self, action: ChatAction, address: Address) -> None:
        with contextlib.suppress(TelegramError):
            await self._bot.send_chat_action(address.chat_id, action, message_thread_id=address.topic_id)

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
            return await asyncio.to_thread(read_local, path, self._folder, hidden, most=MAX_FILE_BYTES)
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
        return Sent(largest.file_id, "image/jpeg", "photo.jpg", largest.file_size or 0)
    if message.voice is not None:
        voice = message.voice
        return Sent(voice.file_id, voice.mime_type or "audio/ogg", "voice.ogg", voice.file_size or 0)
    file = message.audio or message.document
    if file is None:
        return None
    told = file.mime_type or ("audio/mpeg" if message.audio else UNKNOWN)
    # Telegram's clients don't know many a text file; its name does.
    media_type = told if told != UNKNOWN else mimetypes.guess_type(file.file_name or "")[0] or UNKNOWN
    return Sent(file.file_id, media_type, file.file_name or "file", file.file_size or 0)


def picture_in(message: Message | None) -> Sent | None:
    """The photo in a message, or the picture that it brings as a file; None where it brings none."""
    sent = sent_with(message) if message is not None else None
    return sent if sent is not None and sent.is_picture else None
