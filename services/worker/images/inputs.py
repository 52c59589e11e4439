"""Pictures that people send → what Gemini looks at, and what a painter starts from. For child processes."""

import io

import PIL.ExifTags
import PIL.Image
from PIL import ImageOps

from services.worker.images.opening import BROKEN, TooLarge, open_picture
from shared.errors import PictureUnreadable

SEEN_SIDE = 1536  # pixels: Gemini looks at tiles of 768, and two by two show all that a prompt can hold
FIRST_ON_ITS_SIDE = 5  # of Exif's orientations, 1 to 8
QUALITY = 90  # of 100, of JPEG


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
