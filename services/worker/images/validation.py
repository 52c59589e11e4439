"""Bytes → a picture we may show, or why not. The bytes decide, whatever the header said."""

import io
import struct

import PIL.Image
from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from shared.errors import BadPicture
from shared.jobs import Image

MAX_SIDE = 8192  # pixels
MAX_PIXELS = 40_000_000
BLACK = 2  # brightest value of a channel, of 255, that is still black: JPEG adds a little noise to zeros
SPREAD = 2  # widest span of a channel's values in a picture of one colour
SAMPLE_SIDE = 128  # pixels

# Named here, so that the plugins are loaded and registered with this module and not by the first picture.
_TYPES = {
    JpegImagePlugin.JpegImageFile.format: "image/jpeg",
    PngImagePlugin.PngImageFile.format: "image/png",
    WebPImagePlugin.WebPImageFile.format: "image/webp",
}


def inspect(data: bytes) -> Image:
    """Look at a picture once, from header to last pixel.

    Raises:
        BadPicture: With the flaw ``not_an_image``, ``too_large``, ``truncated``, ``black`` or ``uniform``.
    """
    picture = _open(data)
    media_type, (width, height) = _TYPES[picture.format or ""], picture.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadPicture("too_large", f"the picture has {width} × {height} pixels")
    # A JPEG is decoded at an eighth of its size, which averages blocks and still reads every byte.
    picture.draft("RGB", (SAMPLE_SIDE, SAMPLE_SIDE))
    _decode(picture, data)
    _look(picture)
    return Image(data=data, media_type=media_type, width=width, height=height)


def _open(data: bytes) -> PIL.Image.Image:
    try:
        return PIL.Image.open(io.BytesIO(data), formats=list(_TYPES))
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise BadPicture("too_large", "the picture has far too many pixels") from error
    except PIL.UnidentifiedImageError as error:
        flaw = "truncated" if _has_signature(data) else "not_an_image"
        raise BadPicture(flaw, f"{len(data)} bytes that are no picture") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise BadPicture("truncated", f"the header is broken: {type(error).__name__}") from error


def _has_signature(data: bytes) -> bool:
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")


def _decode(picture: PIL.Image.Image, data: bytes) -> None:
    if picture.format == "PNG" and b"IEND" not in data[-64:]:
        raise BadPicture("truncated", "the PNG has no end")
    if picture.format == "WEBP" and len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise BadPicture("truncated", "the WebP is shorter than it says")
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise BadPicture("truncated", f"the pixels are broken: {type(error).__name__}") from error


def _look(picture: PIL.Image.Image) -> None:
    sample = picture
    if max(picture.size) > 2 * SAMPLE_SIDE:
        sample = picture.resize((SAMPLE_SIDE, SAMPLE_SIDE), PIL.Image.Resampling.NEAREST)
    flaw = _flaw(sample)
    if flaw and sample is not picture:
        # The sample saw one pixel in many: a starry night deserves a look at all of them.
        flaw = _flaw(picture)
    if flaw:
        raise BadPicture(flaw)


def _flaw(picture: PIL.Image.Image) -> str | None:
    spans = [picture.convert("RGB").getchannel(channel).getextrema() for channel in range(3)]
    values = [(int(low), int(high)) for low, high in spans]  # type: ignore[arg-type]
    if all(high <= BLACK for _, high in values):
        return "black"
    if all(high - low <= SPREAD for low, high in values):
        return "uniform"
    return None
