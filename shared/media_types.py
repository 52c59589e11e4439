"""Which files we take from people: by media type, name and size before they are fetched, then by their first bytes.

Pure. What a file is said to be comes from its sender's program, so it only decides what is not worth fetching.
"""

import mimetypes
import re
from enum import Enum

from shared.errors import BadBatch, FileNotUnderstood, FileTooLarge, PictureUnreadable
from shared.text_files import may_be_text

FILES_BYTES = 14_000_000  # for one question; Gemini takes 20 MB a request, and base64 makes four bytes of three
TEXT_BYTES = 400_000  # of a text file: about a hundred thousand tokens
READABLE = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", "application/pdf")
TEXTUAL = ("application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
UNKNOWN = "application/octet-stream"

_PICTURES = re.compile(r"image/(x-)?(p?jpe?g|mpo|a?png|webp|gif|avif|hei[cf](-sequence)?|tiff?|(ms-)?bmp)")
_HEAD = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|....ftyp|II[*+]\x00|MM\x00[*+]|BM", re.DOTALL
)
# Of a name that tells one of these, no media type makes a file that anybody could read.
_CLOSED = re.compile(r"(application/(zip|gzip|x-(tar|7z-compressed|rar.*|msdownload|iso9660-image|bzip2?))|video/.+)")
_NO_BATCH = re.compile(r"(image|audio|video|font)/.+|application/(pdf|zip|gzip|x-tar)")
_PDF_BEGINS_WITHIN = 1024  # bytes


class Purpose(Enum):
    """What a file is sent for."""

    TALK = "Gemini reads it"
    PICTURE = "it is looked at, or painted from"


def readable_as(media_type: str) -> str:
    """The media type under which Gemini reads a file.

    Raises:
        FileNotUnderstood: It reads no such files.
    """
    plain = _plain(media_type)
    if plain in READABLE or plain.startswith("audio/"):
        return plain
    if plain.startswith("text/") or plain in TEXTUAL:
        return "text/plain"
    raise FileNotUnderstood(plain[:60])


def require_kind(purpose: Purpose, media_type: str, name: str, size: int) -> None:
    """Refuse what is told to be of no use.

    Args:
        size: In bytes; 0 where it isn't told.

    Raises:
        FileNotUnderstood, PictureUnreadable: It is of another kind.
        FileTooLarge: Gemini doesn't read as much.
    """
    if purpose is Purpose.PICTURE:
        if not _PICTURES.fullmatch(_plain(media_type)):
            raise PictureUnreadable("a picture of another kind")
        return
    if _is_closed(name):
        raise FileNotUnderstood("its name tells a kind that nobody reads")
    if size > (TEXT_BYTES if readable_as(media_type) == "text/plain" else FILES_BYTES):
        raise FileTooLarge


def require_contents(purpose: Purpose, media_type: str, data: bytes) -> None:
    """Refuse a file whose bytes are not what it is told to be, or more than was told.

    Raises:
        FileNotUnderstood, PictureUnreadable, FileTooLarge: As ``require_kind`` does.
    """
    if purpose is Purpose.PICTURE:
        if not _HEAD.match(data):
            raise PictureUnreadable("the file of a picture begins like none")
        return
    require_kind(purpose, media_type, "", len(data))
    kind = readable_as(media_type)
    is_it = {
        "application/pdf": b"%PDF" in data[:_PDF_BEGINS_WITHIN],
        "text/plain": may_be_text(data),
    }
    if not is_it.get(kind, not kind.startswith("image/") or bool(_HEAD.match(data))):
        raise FileNotUnderstood("a file with other contents than its kind has")


def require_batch(media_type: str, name: str) -> None:
    """Refuse what is told to be no text.

    Raises:
        BadBatch: It is told to be something else.
    """
    if _NO_BATCH.fullmatch(_plain(media_type)) or _is_closed(name):
        raise BadBatch("batch_not_text")


def _plain(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _is_closed(name: str) -> bool:
    told, packed = mimetypes.guess_type(name)
    return packed is not None or _CLOSED.fullmatch(told or "") is not None
