"""Pictures that ideas speak of: out of the image store, upright, and as large as whoever takes them can use."""

import io
import struct

import PIL.ExifTags
import PIL.Image
import pillow_heif
from obstore.exceptions import NotFoundError
from PIL import ImageOps

from services.worker.gemini.files import File
from shared.errors import PictureGone, PictureUnreadable
from shared.images import Images
from shared.jobs import Picture

MAX_PIXELS = 80_000_000  # decoding so many takes 240 MB for a moment; beyond it, Pillow warns as well
SEEN_SIDE = 1536  # pixels: Gemini looks at tiles of 768, and two by two show all that a prompt can hold
FIRST_ON_ITS_SIDE = 5  # of Exif's orientations, 1 to 8
QUALITY = 90  # of 100, of JPEG

# libheif's errors of no other kind are RuntimeErrors.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error, PIL.Image.DecompressionBombError)

pillow_heif.register_heif_opener()  # HEIC is what Apple's telephones save, and send as files.


def read_picture(images: Images, picture: Picture) -> bytes:
    """The file as it was sent.

    Raises:
        PictureGone: The store has it no more.
        StoreAway: The store does not answer.
    """
    try:
        return images.get(picture.key)
    except (NotFoundError, FileNotFoundError) as error:
        raise PictureGone(picture.key) from error


def for_gemini(data: bytes) -> File:
    """What Gemini is shown.

    Raises:
        PictureUnreadable: It is no picture that we can open, or more than we open.
    """
    return File("image/jpeg", _jpeg(_opened(data, SEEN_SIDE, SEEN_SIDE)))


def proportions(data: bytes) -> tuple[int, int]:
    """Width and height as the picture is to be looked at, in pixels.

    Raises:
        PictureUnreadable: It is no picture that we can open.
    """
    try:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            on_its_side = picture.getexif().get(PIL.ExifTags.Base.Orientation, 1) >= FIRST_ON_ITS_SIDE
            return (picture.height, picture.width) if on_its_side else picture.size
    except _BROKEN as error:
        raise PictureUnreadable(f"{len(data)} bytes that are no picture: {type(error).__name__}") from error


def to_start_from(data: bytes, width: int | None, height: int | None) -> bytes:
    """A JPEG of at most so many pixels, in its own proportions, without where and when it was taken.

    Raises:
        PictureUnreadable: As ``for_gemini``.
    """
    return _jpeg(_opened(data, width or SEEN_SIDE, height or SEEN_SIDE))


def _opened(data: bytes, width: int, height: int) -> PIL.Image.Image:
    """Open a picture, no larger than so many pixels; of a film the first frame."""
    try:
        picture = PIL.Image.open(io.BytesIO(data))
        if picture.width * picture.height > MAX_PIXELS:
            raise PictureUnreadable(f"the picture has {picture.width} × {picture.height} pixels")
        # A JPEG is decoded at a half, a quarter or an eighth of its size if that is enough.
        picture.draft("RGB", (2 * width, 2 * height))
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((width, height))
        return _on_white(upright)
    except PIL.Image.DecompressionBombWarning as error:
        raise PictureUnreadable("far too many pixels") from error
    except _BROKEN as error:
        raise PictureUnreadable(f"{len(data)} bytes that are no picture: {type(error).__name__}") from error


def _on_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    paper = PIL.Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    return paper.convert("RGB")


def _jpeg(picture: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
