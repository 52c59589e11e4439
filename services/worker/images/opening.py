"""Opens the pictures of strangers: named formats alone, no more pixels and scans than we decode. For child processes.

A picture can cost far more than its bytes: a file of 300 kB may hold 80 million pixels, one of 2 MB thousands of scans
over all of them. What it says of itself is looked at before anything is decoded.
"""

import io
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

import PIL.Image
import pillow_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

MAX_PIXELS = 25_000_000  # decoded: 100 MB, or 425 MB in the worst of the formats
MAX_JPEG_PIXELS = 200_000_000  # of a JPEG with one scan: nobody holds it whole to decode it at an eighth of its size
MAX_SCANS = 100  # of a JPEG; cameras write 1, the web's progressive ones about 10
MAX_SEGMENTS = 2_000  # of a JPEG

# Imported, so that Pillow does not import all that it has when the first picture comes. Beyond these are parsers that
# nobody needs here, and EPS, which starts Ghostscript.
FORMATS = {
    "JPEG": (JpegImagePlugin, MpoImagePlugin),  # MPO: a JPEG with further pictures behind the first
    "PNG": PngImagePlugin,
    "WEBP": WebPImagePlugin,
    "GIF": GifImagePlugin,
    "AVIF": AvifImagePlugin,
    "HEIF": pillow_heif,
    "TIFF": TiffImagePlugin,
    "BMP": BmpImagePlugin,
}

BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError,
    struct.error, PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning,
)  # fmt: skip
"""What Pillow and libheif raise at files that are none; fuzzing found all of these."""

_MARKER = re.compile(rb"\xff+[^\x00\xff]", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_SEGMENT = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FRACTIONS = (8, 4, 2, 1)  # of its size at which a JPEG can be decoded

pillow_heif.register_heif_opener()  # HEIC is what Apple's telephones save, and send as files.
# In a child process no threads can be made, and a decoder that tries fails.
pillow_heif.options.DECODE_THREADS = 1
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
PIL.Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS  # Pillow's own limit lies below ours.


class TooLarge(Exception):
    """A picture has more pixels or scans than we decode; the message tells how many, for the log."""


@dataclass(frozen=True, slots=True)
class Scans:
    """What a JPEG says of its scans.

    Attributes:
        count: At most ``MAX_SCANS + 1``, which also stands for too many segments to look at.
        are_collected: Whether a decoder has to keep the whole picture in memory, at full size, until the last one.
    """

    count: int
    are_collected: bool


def open_picture(
    data: bytes,
    size: tuple[int, int] | None,
    *,
    formats: Iterable[str] = FORMATS,
    most_pixels: int = MAX_JPEG_PIXELS,
    most_decoded: int = MAX_PIXELS,
) -> tuple[PIL.Image.Image, tuple[int, int]]:
    """Open a picture whose decoding is bounded, of a film the first frame; beside it its whole size in pixels.

    Args:
        size: Pixels that it is wanted for: a JPEG is decoded at a fraction of its size if that is enough. None: its
            header alone is wanted.
        most_pixels: That the picture may have at all.
        most_decoded: That it may have in memory.

    Raises:
        TooLarge: It has too many pixels or scans.
        Exception: One of ``BROKEN``: it is no picture.
    """
    scans = scans_of(data)
    if scans is not None and scans.count > MAX_SCANS:
        raise TooLarge(f"more than {MAX_SCANS} scans")
    picture = PIL.Image.open(io.BytesIO(data), formats=tuple(formats))
    width, height = picture.size
    in_memory = width * height if size else 0
    if scans is not None and size:
        _decode_smaller(picture, size, most_decoded)
        in_memory = in_memory if scans.are_collected else picture.width * picture.height
    if width * height > most_pixels or in_memory > most_decoded:
        raise TooLarge(f"{width} × {height} pixels")
    return picture, (width, height)


def _decode_smaller(picture: PIL.Image.Image, size: tuple[int, int], most_decoded: int) -> None:
    """Have a JPEG decoded smaller: to twice what is wanted each way, to just what is wanted if that is too much."""
    width, height = picture.size
    scale = min(size[0] / width, size[1] / height, 1.0)
    for room in (2, 1):
        target = max(round(width * scale * room), 1), max(round(height * scale * room), 1)
        fraction = next((one for one in _FRACTIONS if one <= min(width // target[0], height // target[1])), 1)
        if room == 1 or width * height <= most_decoded * fraction**2:
            picture.draft("RGB", target)
            return


def scans_of(data: bytes) -> Scans | None:
    """What a JPEG says of its scans, from the first picture in its file; None for other files."""
    if not data.startswith(b"\xff\xd8"):
        return None
    count, components, are_collected, at = 0, 0, False, 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, at)
        kind = data[marker.end() - 1] if marker else _END_OF_IMAGE
        if marker is None or kind == _END_OF_IMAGE or count > MAX_SCANS:
            return Scans(count, are_collected)
        at = marker.end()
        if kind in _WITHOUT_SEGMENT:
            continue
        if kind in _START_OF_FRAME:
            components = max([components, *data[at + 7 : at + 8]])
            are_collected |= kind in _PROGRESSIVE
        elif kind == _START_OF_SCAN:
            count += 1
            are_collected |= data[at + 2 : at + 3] < bytes([components])
        # Within a segment anything may look like a marker; in what follows a scan's, nothing does that is none.
        at += max(int.from_bytes(data[at : at + 2], "big"), 2)
    return Scans(MAX_SCANS + 1, are_collected)
