"""The pictures the sandbox paints: a small landscape of the words, the same one every time."""

import functools
import io

from PIL import Image

from sandbox.pictures.landscape import draw
from sandbox.pictures.scene import read_scene

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
}
LONGEST_SIDE = 4096  # pixels

_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 82},
    "PNG": {"compress_level": 1},
    "WEBP": {"quality": 82, "method": 0},
}


@functools.lru_cache(maxsize=64)
def paint(prompt: str, seed: int = 0, width: int = 1024, height: int = 1024, media_type: str = "image/jpeg") -> bytes:
    """Paint ``prompt``: the same words, seed and size always give the same bytes.

    It costs about ten milliseconds of processor time for a square of 1024 pixels, so a server
    calls it in a thread.

    Raises:
        ValueError: A side isn't within 1 to ``LONGEST_SIDE`` pixels, or the media type isn't in ``FORMATS``.
    """
    if not (1 <= width <= LONGEST_SIDE and 1 <= height <= LONGEST_SIDE):
        raise ValueError(f"a picture of {width}x{height} pixels can't be painted")
    if media_type not in FORMATS:
        raise ValueError(f"{media_type} isn't a type of picture known here")
    return encode(draw(read_scene(prompt, seed), width, height), media_type)


def repaint(  # noqa: PLR0917
    source: bytes, prompt: str, seed: int, width: int, height: int, media_type: str
) -> bytes:
    """Paint ``prompt`` over another picture, which stays to be seen beneath.

    Raises:
        ValueError: As ``paint`` does; also if ``source`` is no picture.
    """
    try:
        with Image.open(io.BytesIO(source)) as opened:
            beneath = opened.convert("RGB").resize((width, height))
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError("the input image can't be read") from error
    return encode(Image.blend(beneath, draw(read_scene(prompt, seed), width, height).convert("RGB"), 0.35), media_type)


def encode(picture: Image.Image, media_type: str) -> bytes:
    """Return the file's bytes of ``picture``; the media type is one of ``FORMATS``."""
    image_format = FORMATS[media_type]
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **_OPTIONS.get(image_format, {}))
    return buffer.getvalue()


__all__ = ["FORMATS", "LONGEST_SIDE", "encode", "paint", "repaint"]
