"""The file that came with a message: which one it is, and fetching it into the image store."""

import asyncio
import contextlib
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus

from telegram import Message
from telegram.constants import ChatAction
from telegram.error import BadRequest, InvalidToken, NetworkError, TelegramError
from telegram.ext import ContextTypes

from services.bot.telegram.errors import NotTelegram
from shared.errors import FileGone, FileTooLargeToFetch, ServiceUnreachable
from shared.images import Images
from shared.jobs import Address

MAX_FILE_BYTES = 20 * 1024 * 1024  # Telegram's limit for what a bot may fetch
FETCH_S = 60.0
UNKNOWN = "application/octet-stream"


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


def sent_with(message: Message) -> Sent | None:
    """The photo, voice note, piece of music or document in a message, if there is one."""
    if message.photo:
        largest = message.photo[-1]
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


async def fetch(
    sent: Sent,
    images: Images,
    address: Address,
    context: ContextTypes.DEFAULT_TYPE,
    *,
    action: ChatAction = ChatAction.TYPING,
) -> str:
    """Bring a file into the image store, and return its key there; what asks again overwrites the same.

    Args:
        address: The message that asks for it.
        action: What the chat is shown meanwhile.

    Raises:
        FileTooLargeToFetch: Telegram doesn't let bots read it.
        FileGone: Telegram has it no more.
        ServiceUnreachable: Telegram did not answer in time; nothing was written down.
        StoreAway: The image store does not answer.
    """
    if sent.size > MAX_FILE_BYTES:
        raise FileTooLargeToFetch
    with contextlib.suppress(TelegramError):
        await context.bot.send_chat_action(address.chat_id, action, message_thread_id=address.topic_id)
    try:
        file = await context.bot.get_file(sent.file_id)
        data = bytes(await file.download_as_bytearray(read_timeout=FETCH_S))
    except BadRequest as error:
        if "too big" in error.message.lower():
            raise FileTooLargeToFetch from error
        raise FileGone(error.message) from error
    except InvalidToken as error:
        # So the library calls a 404, which is what the address of a file that is gone answers.
        raise FileGone("not found") from error
    except NotTelegram as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise FileGone("not found") from error
        raise ServiceUnreachable(f"no file from Telegram: HTTP {error.status}") from error
    except NetworkError as error:
        # A question may be asked again, whatever became of the first one.
        raise ServiceUnreachable(f"no file from Telegram: {type(error).__name__}") from error
    return await asyncio.to_thread(images.keep_sent, address.chat_id, address.message_id, data)
