"""Bytes → a picture we may show, or why not. The bytes decide, whatever the header said. For child processes."""

import io
import re
from dataclasses import dataclass, field
from typing import Literal

import PIL.Image

from services.worker.images.opening import BROKEN, FORMATS, MAX_PIXELS, TooLarge, open_picture
from shared.errors import BadPicture

MAX_SIDE = 8192  # pixels
BLACK = 2  # brightest value of a channel, of 255, that is still black: JPEG adds a little noise to zeros
SPREAD = 2  # widest span of a channel's values in a picture of one colour
SAMPLE_SIDE = 128  # pixels

UNKNOWN_FORMAT = "unknown_format"  # the flaw of a picture that nothing here opens

Plain = Literal["black", "uniform"]

QUALITY = 95  # of a JPEG that is made of another format

_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
# Pictures all the same, of formats that nothing here opens: SVG, JPEG 2000, JPEG XL.
_OTHER_FORMATS = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg[\s>]|\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51|\0\0\0\x0cJXL |\xff\x0a",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Looks:
    """What a picture is and shows.

    Attributes:
        plain: Whether nothing is on it: all black, or of one colour.
        converted: The same picture as ``media_type``, where it came in a format that we don't show.
    """

    media_type: str
    width: int
    height: int
    plain: Plain | None = None
    converted: bytes = field(default=b"", repr=False)


def look_at(data: bytes) -> Looks:
    """Look at a picture once, from header to last pixel.

    Raises:
        BadPicture: With the flaw ``not_an_image``, ``unknown_format``, ``too_large`` or ``truncated``.
    """
    picture, (width, height) = _open(data)
    if max(width, height) > MAX_SIDE:
        raise BadPicture("too_large", f"the picture has {width} × {height} pixels")
    _decode(picture, data)
    media_type = _TYPES.get(picture.format or "")
    if media_type is not None:
        return Looks(media_type, width, height, _plain(picture))
    media_type, converted = _converted(picture)
    return Looks(media_type, width, height, _plain(picture), converted)


def _open(data: bytes) -> tuple[PIL.Image.Image, tuple[int, int]]:
    try:
        # A JPEG is decoded at an eighth of its size, which averages blocks and still reads every byte.
        return open_picture(data, (SAMPLE_SIDE // 2, SAMPLE_SIDE // 2), formats=FORMATS, most_pixels=MAX_PIXELS)
    except (TooLarge, PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise BadPicture("too_large", f"the picture has too many pixels or scans: {error}") from error
    except PIL.UnidentifiedImageError as error:
        flaw = "truncated" if _has_signature(data) else "not_an_image"
        flaw = UNKNOWN_FORMAT if _OTHER_FORMATS.match(data[:2_000]) else flaw
        raise BadPicture(flaw, f"{len(data)} bytes that are no picture") from error
    except BROKEN as error:
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
    except BROKEN as error:
        raise BadPicture("truncated", f"the pixels are broken: {type(error).__name__}") from error


def _converted(picture: PIL.Image.Image) -> tuple[str, bytes]:
    """A picture of another format, as one that everybody shows; of a film its first frame."""
    file = io.BytesIO()
    try:
        if picture.has_transparency_data:
            picture.convert("RGBA").save(file, "PNG")
            return "image/png", file.getvalue()
        picture.convert("RGB").save(file, "JPEG", quality=QUALITY)
    except BROKEN as error:
        raise BadPicture("truncated", f"the pixels can't be converted: {type(error).__name__}") from error
    return "image/jpeg", file.getvalue()


def _plain(picture: PIL.Image.Image) -> Plain | None:
    """Whether nothing is on it; of what is transparent in parts, before a white as before a black background."""
    if not picture.has_transparency_data:
        return _plain_opaque(picture)
    layer = picture.convert("RGBA")
    grounds = (PIL.Image.new("RGBA", layer.size, colour) for colour in ("white", "black"))
    on_white, on_black = (_plain_opaque(PIL.Image.alpha_composite(ground, layer)) for ground in grounds)
    return (_plain_opaque(picture) or on_white) if on_white and on_black else None


def _plain_opaque(picture: PIL.Image.Image) -> Plain | None:
    sample = picture
    if max(picture.size) > 2 * SAMPLE_SIDE:
        sample = picture.resize((SAMPLE_SIDE, SAMPLE_SIDE), PIL.Image.Resampling.NEAREST)
    plain = _plain_sample(sample)
    # The sample saw one pixel in many: a starry night deserves a look at all of them.
    return _plain_sample(picture) if plain and sample is not picture else plain


def _plain_sample(picture: PIL.Image.Image) -> Plain | None:
    coloured = picture.convert("RGB")
    spans = [coloured.getchannel(channel).getextrema() for channel in range(3)]
    values = [(int(low), int(high)) for low, high in spans]  # type: ignore[arg-type]
    if all(high <= BLACK for _, high in values):
        return "black"
    if all(high - low <= SPREAD for low, high in values):
        return "uniform"
    return None
