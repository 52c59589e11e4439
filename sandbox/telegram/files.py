"""Keeps uploaded files, makes photos of pictures, and hands both out again by file id."""

from __future__ import annotations

import asyncio
import io
import itertools
import secrets
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sandbox.bodies import Upload
from sandbox.telegram.errors import ApiError, bad_request

MEGABYTE = 1024 * 1024
LARGEST_PHOTO = 10 * MEGABYTE
LARGEST_UPLOAD = 50 * MEGABYTE
LARGEST_DOWNLOAD = 20 * MEGABYTE
LONGEST_SIDES = 10_000  # pixels, width and height together
GREATEST_RATIO = 20
PHOTO_SIDES = (90, 320, 800, 1280, 2560)  # pixels; the longer side of each size that a photo comes in

KEPT_BYTES = 1024 * MEGABYTE  # of file contents in memory; the oldest go first, their ids stay known

FOLDERS = {
    "photo": "photos",
    "document": "documents",
    "voice": "voice",
    "audio": "music",
    "video": "videos",
    "animation": "animations",
    "video_note": "video_notes",
    "sticker": "stickers",
    "thumbnail": "thumbnails",
}
# The first byte of an id is the type of the file; the next two are those of ids of today.
ID_BEGINS = {"photo": "AgAC", "voice": "AwAC", "video": "BAAC", "document": "BQAC", "sticker": "CAAC", "audio": "CQAC"}
EXTENSIONS = {"photo": "jpg", "voice": "oga", "audio": "mp3", "video": "mp4", "animation": "mp4", "sticker": "webp"}
DEFAULT_TYPES = {
    "photo": "image/jpeg",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
    "video": "video/mp4",
    "animation": "video/mp4",
    "video_note": "video/mp4",
    "sticker": "image/webp",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of one file, or of one size of a photo; ``number`` says whose content it shows."""

    file_id: str
    unique_id: str
    kind: str
    number: int
    name: str
    media_type: str
    size: int
    width: int = 0
    height: int = 0
    is_original: bool = True

    @property
    def path(self) -> str:
        """The ``file_path`` of ``getFile``."""
        extension = EXTENSIONS.get(self.kind) or (self.name.rpartition(".")[2] if "." in self.name else "bin")
        size = "" if self.is_original else f"_{self.width}x{self.height}"
        return f"{FOLDERS.get(self.kind, 'files')}/file_{self.number}{size}.{extension}"


class Files:
    """All files; an id is good for every bot of the sandbox."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._contents: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._photos: dict[int, list[dict[str, Any]]] = {}

    def find(self, file_id: str) -> StoredFile:
        """Look a file up.

        Raises:
            ApiError: No such id.
        """
        if file_id not in self._by_id:
            raise bad_request("wrong remote file identifier specified: Wrong padding in the string")
        return self._by_id[file_id]

    def media_type(self, file: StoredFile) -> str:
        """What ``content`` is: smaller sizes of a photo are always JPEG."""
        return file.media_type if file.is_original else "image/jpeg"

    def find_path(self, path: str) -> StoredFile | None:
        return self._by_path.get(path)

    def describe(self, file: StoredFile) -> dict[str, Any]:
        """The answer of ``getFile``.

        Raises:
            ApiError: The file is larger than bots may download.
        """
        if file.size > LARGEST_DOWNLOAD:
            raise bad_request("file is too big")
        return {
            "file_id": file.file_id,
            "file_unique_id": file.unique_id,
            "file_size": file.size,
            "file_path": file.path,
        }

    async def content(self, file: StoredFile) -> bytes | None:
        """The bytes of a file, a smaller size drawn on demand; ``None`` when they are no longer kept."""
        content = self._contents.get(file.number)
        if content is None or file.is_original:
            return content
        return await asyncio.to_thread(_shrink, content, file.width, file.height)

    def add_photo(self, upload: Upload) -> list[dict[str, Any]]:
        """Make a photo of an upload: its ``PhotoSize`` objects, small to large.

        Only the picture's header is read, its pixels are not.

        Raises:
            ApiError: Not a picture, too many bytes, too large or too narrow.
        """
        if not upload.content:
            raise bad_request("file must be non-empty")
        if len(upload.content) > LARGEST_PHOTO:
            raise bad_request(f"too big file for photo; max size in bytes is {LARGEST_PHOTO}")
        width, height, media_type = _measure(upload.content)
        if width + height > LONGEST_SIDES or max(width, height) > GREATEST_RATIO * min(width, height):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
        number = self._keep(upload.content)
        sizes = []
        for size_width, size_height in _photo_sizes(width, height):
            is_original = (size_width, size_height) == (width, height)
            size_bytes = len(upload.content) * size_width * size_height // (width * height)
            file = self._register(
                "photo",
                number,
                name=upload.name,
                media_type=media_type,
                size=size_bytes,
                width=size_width,
                height=size_height,
                is_original=is_original,
            )
            sizes.append(
                {
                    "file_id": file.file_id,
                    "file_unique_id": file.unique_id,
                    "width": size_width,
                    "height": size_height,
                    "file_size": size_bytes,
                }
            )
        self._photos[number] = sizes
        return sizes

    def photo_of(self, file: StoredFile) -> list[dict[str, Any]]:
        """The whole photo that a size belongs to.

        Raises:
            ApiError: The file is of another kind.
        """
        if file.kind != "photo":
            raise bad_request(f"can't use file of type {file.kind.capitalize()} as Photo")
        return self._photos[file.number]

    def add(self, kind: str, upload: Upload, **extra: Any) -> dict[str, Any]:
        """Keep an upload as a file of some kind; returns its Bot API object.

        Raises:
            ApiError: Empty, or larger than 50 MB.
        """
        if not upload.content:
            raise bad_request("file must be non-empty")
        if len(upload.content) > LARGEST_UPLOAD:
            raise ApiError(413, "Request Entity Too Large")
        media_type = upload.media_type
        if media_type in ("", "application/octet-stream"):
            media_type = DEFAULT_TYPES.get(kind, "application/octet-stream")
        number = self._keep(upload.content)
        file = self._register(kind, number, name=upload.name, media_type=media_type, size=len(upload.content))
        return self.object_of(file) | extra

    def object_of(self, file: StoredFile) -> dict[str, Any]:
        """``Document``, ``Voice``, … as messages carry them."""
        described: dict[str, Any] = {
            "file_id": file.file_id,
            "file_unique_id": file.unique_id,
            "file_size": file.size,
        }
        if file.kind not in ("video_note", "sticker"):
            described["mime_type"] = file.media_type
        if file.kind in ("document", "audio", "video", "animation") and file.name:
            described["file_name"] = file.name
        if file.kind in ("voice", "audio", "video", "animation", "video_note"):
            described["duration"] = 1
        if file.kind in ("video", "animation", "sticker"):
            described |= {"width": 512, "height": 512}
        if file.kind == "video_note":
            described["length"] = 384
        if file.kind == "sticker":
            described |= {"type": "regular", "is_animated": False, "is_video": False}
        return described

    def _keep(self, content: bytes) -> int:
        number = next(self._numbers)
        self._contents[number] = content
        self._kept_bytes += len(content)
        while self._kept_bytes > KEPT_BYTES:
            _, dropped = self._contents.popitem(last=False)
            self._kept_bytes -= len(dropped)
        return number

    def _register(
        self,
        kind: str,
        number: int,
        *,
        name: str,
        media_type: str,
        size: int,
        width: int = 0,
        height: int = 0,
        is_original: bool = True,
    ) -> StoredFile:
        file = StoredFile(
            file_id=f"{ID_BEGINS.get(kind, 'BQAC')}AgIAAxkBAAI{secrets.token_urlsafe(36)}",
            unique_id=f"AQAD{secrets.token_urlsafe(9)}",
            kind=kind,
            number=number,
            name=name,
            media_type=media_type,
            size=size,
            width=width,
            height=height,
            is_original=is_original,
        )
        self._by_id[file.file_id] = file
        self._by_path[file.path] = file
        return file


def _measure(content: bytes) -> tuple[int, int, str]:
    """Read width, height and media type from a picture's header."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of decompression bombs; we never decompress, and judge the size ourselves.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
                return width, height, Image.MIME.get(picture.format or "", "image/jpeg")
    except Image.DecompressionBombError as error:
        raise bad_request("PHOTO_INVALID_DIMENSIONS") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error


def _photo_sizes(width: int, height: int) -> list[tuple[int, int]]:
    longer = max(width, height)
    sides = [side for side in PHOTO_SIDES if side < longer]
    if longer <= PHOTO_SIDES[-1]:
        sides.append(longer)
    return [(max(1, width * side // longer), max(1, height * side // longer)) for side in sides]


def _shrink(content: bytes, width: int, height: int) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (width, height))
        small = picture.convert("RGB").resize((width, height))
    kept = io.BytesIO()
    small.save(kept, "JPEG")
    return kept.getvalue()
