"""Pictures that people send → what Gemini looks at, and what a painter starts from. For child processes."""

import io

import PIL.ExifTags
import PIL.Image
from PIL import ImageOps

from services.worker.images.opening import BROKEN, TooLarge, open_picture
from shared.errors import PictureLargeEnough, PictureUnreadable

SEEN_SIDE = 1536  # pixels: Gemini looks at tiles of 768, and two by two show all that a prompt can hold
FIRST_ON_ITS_SIDE = 5  # of Exif's orientations, 1 to 8
QUALITY = 90  # of 100, of JPEG
MAX_SIDE, MAX_ENLARGED = 8192, 16_000_000  # pixels of a side, and in all, of what is made larger
MAX_ENLARGED_BYTES = 20 * 1024 * 1024  # Telegram takes 50 MB from a bot, and people's connections less
QUALITIES = (92, 85, 70)  # of what is made larger: the first that fits
WORTH_ENLARGING = 1.1  # times as large each way


def for_gemini(data: bytes) -> bytes:
    """What Gemini is shown, as a JPEG.

    Raises:
        PictureUnreadable: It is no picture that we can open, or more than we open.
    """
    return _jpeg(data, SEEN_SIDE, SEEN_SIDE)


def to_start_from(data: bytes, width: int | None, height: int | None) -> bytes:
    """A JPEG of at most so many pixels, in its own proportions, without where and when it was taken.

    Raises:
        PictureUnreadable: As ``for_gemini``.
    """
    return _jpeg(data, width or SEEN_SIDE, height or SEEN_SIDE)


def proportions(data: bytes) -> tuple[int, int]:
    """Width and height as the picture is to be looked at, in pixels.

    Raises:
        PictureUnreadable: As ``for_gemini``.
    """
    try:
        picture, (width, height) = open_picture(data, None)
        on_its_side = picture.getexif().get(PIL.ExifTags.Base.Orientation, 1) >= FIRST_ON_ITS_SIDE
    except (TooLarge, *BROKEN) as error:
        raise _unreadable(data, error) from error
    return (height, width) if on_its_side else (width, height)


def enlarge(data: bytes, times: int) -> tuple[bytes, str, int, int]:
    """A picture so many times as large each way, as far as it may be: bytes, media type, width, height.

    Raises:
        PictureLargeEnough: It hardly could be made larger.
        PictureUnreadable: As ``for_gemini``.
    """
    try:
        picture, (width, height) = open_picture(data, (MAX_SIDE, MAX_SIDE))
        factor = min(times, MAX_SIDE / max(width, height), (MAX_ENLARGED / (width * height)) ** 0.5)
        if factor < WORTH_ENLARGING:
            raise PictureLargeEnough(f"{width} × {height} pixels")
        upright = ImageOps.exif_transpose(picture)
        is_opaque = not upright.has_transparency_data
        upright = upright.convert("RGB" if is_opaque else "RGBA")
        size = round(upright.width * factor), round(upright.height * factor)
        larger = upright.resize(size, PIL.Image.Resampling.LANCZOS)
    except (TooLarge, *BROKEN) as error:
        raise _unreadable(data, error) from error
    return (*_written(larger), *size)


def _written(picture: PIL.Image.Image) -> tuple[bytes, str]:
    """The file of a picture, within ``MAX_ENLARGED_BYTES``: a PNG where something is transparent and it fits."""
    file = io.BytesIO()
    if picture.mode == "RGBA":
        picture.save(file, "PNG")
        if file.tell() <= MAX_ENLARGED_BYTES:
            return file.getvalue(), "image/png"
        picture = _on_white(picture)
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        if file.tell() <= MAX_ENLARGED_BYTES:
            break
    return file.getvalue(), "image/jpeg"


def _jpeg(data: bytes, width: int, height: int) -> bytes:
    try:
        picture, _ = open_picture(data, (width, height))
        picture.thumbnail((width, height))
        # Not before: it copies the picture.
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((width, height))
        file = io.BytesIO()
        _on_white(upright).save(file, "JPEG", quality=QUALITY)
    except (TooLarge, *BROKEN) as error:
        raise _unreadable(data, error) from error
    return file.getvalue()


def _on_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    paper = PIL.Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    return paper.convert("RGB")


def _unreadable(data: bytes, error: Exception) -> PictureUnreadable:
    told = str(error) if isinstance(error, TooLarge) else type(error).__name__
    return PictureUnreadable(f"a picture of {len(data)} bytes can't be opened: {told}")
