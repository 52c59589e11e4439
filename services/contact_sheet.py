"""Draws pictures as one, each with its number. Decoding happens in a child process with limits."""

import io
from collections.abc import Sequence

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import PIL.ImageOps

from shared.child_processes import CallFailed, ChildProcesses, Limits, NoChildFree, OverLimit

A_ROW = 3
MOST = A_ROW * A_ROW  # pictures
SIDE, GAP = 240, 6  # pixels; of a picture, and between two
LIMITS = Limits(cpu_s=10, memory_bytes=384 * 1024 * 1024, wall_s=20.0)
FORMATS = ("JPEG", "PNG", "WEBP")  # of originals
QUALITY = 80
NAME_SIZE, NAME_HEIGHT = 18, 28  # pixels
BACK, EMPTY, INK = (23, 33, 43), (60, 72, 84), (255, 255, 255)
BROKEN = (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError)


class NotDrawn(Exception):
    """There is no sheet; the message tells why, for the log."""


class ContactSheets:
    """Draws one sheet at a time. Thread-safe; blocks."""

    def __init__(self, limits: Limits = LIMITS, *, warm: int = 0) -> None:
        """Start nothing yet; keep so many children between calls."""
        self._children = ChildProcesses(limits, limit=1, warm=warm, modules=(__name__,))

    def thumbnail(self, picture: bytes) -> bytes:
        """A picture as a JPEG of about 10 kB.

        Raises:
            NotDrawn: The child failed, or took too long.
        """
        try:
            return self._children.run(thumbnail_of, picture)
        except (NoChildFree, OverLimit, CallFailed) as error:
            raise NotDrawn(str(error)) from error

    def draw(self, pictures: Sequence[bytes | None], names: Sequence[str] = ()) -> bytes:
        """Pictures as a JPEG, of which nine have about 60 kB; None stands for one that is gone.

        Args:
            names: Written below them.

        Raises:
            NotDrawn: The child failed, or took too long.
        """
        try:
            return self._children.run(sheet_of, list(pictures), list(names))
        except (NoChildFree, OverLimit, CallFailed) as error:
            raise NotDrawn(str(error)) from error


def thumbnail_of(picture: bytes) -> bytes:
    """A picture, cut to a small square, as a JPEG. For a child process."""
    return _jpeg(_tile(picture))


def empty_picture() -> bytes:
    """What stands in the place of a picture that is gone, as a JPEG."""
    return _jpeg(PIL.Image.new("RGB", (2 * SIDE, 2 * SIDE), EMPTY))


def sheet_of(pictures: Sequence[bytes | None], names: Sequence[str] = ()) -> bytes:
    """The sheet, as a JPEG. For a child process."""
    columns = min(len(pictures), A_ROW)
    rows = -(-len(pictures) // A_ROW)
    sheet = PIL.Image.new("RGB", (columns * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP), BACK)
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(size=26)
    for place, data in enumerate(pictures):
        left, top = (GAP + at * (SIDE + GAP) for at in (place % A_ROW, place // A_ROW))
        sheet.paste(_tile(data), (left, top))
        draw.rounded_rectangle((left + 6, top + 6, left + 42, top + 42), radius=10, fill=BACK)
        draw.text((left + 24, top + 24), str(place + 1), fill=INK, font=font, anchor="mm")
        if place < len(names):
            _write(draw, names[place], left, top)
    return _jpeg(sheet)


def _write(draw: PIL.ImageDraw.ImageDraw, name: str, left: int, top: int) -> None:
    """Write a name along the lower edge of a picture, as large as it fits."""
    font = PIL.ImageFont.load_default(size=NAME_SIZE)
    while draw.textlength(name, font=font) > SIDE - 2 * GAP and len(name) > 1:
        name = f"{name[:-2]}…" if name.endswith("…") else f"{name[:-1]}…"
    draw.rectangle((left, top + SIDE - NAME_HEIGHT, left + SIDE - 1, top + SIDE - 1), fill=BACK)
    draw.text((left + SIDE / 2, top + SIDE - NAME_HEIGHT / 2), name, fill=INK, font=font, anchor="mm")


def _tile(data: bytes | None) -> PIL.Image.Image:
    if data is not None:
        try:
            with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                picture.draft("RGB", (SIDE, SIDE))
                return PIL.ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE))
        except BROKEN:
            pass
    return PIL.Image.new("RGB", (SIDE, SIDE), EMPTY)


def _jpeg(picture: PIL.Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY, optimize=True)
    return content.getvalue()
