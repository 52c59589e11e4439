"""The pictures the sandbox paints: a small landscape of the words, the same one every time."""

import functools
import io
from dataclasses import replace

from PIL import Image

from sandbox.pictures.landscape import draw
from sandbox.pictures.memory import recall, remember
from sandbox.pictures.scene import Scene, read_scene

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
    return encode(_drawn(read_scene(prompt, seed), width, height), media_type)


def repaint(source: bytes, prompt: str, seed: int, size: tuple[int, int], share: float, media_type: str) -> bytes:  # noqa: PLR0917
    """Paint ``prompt`` over another picture; ``share`` of it, 0 to 1, hides what lies beneath.

    A picture that was painted here is not painted over but changed: who and what is in it stays in its place.

    Raises:
        ValueError: As ``paint`` does; also if ``source`` is no picture.
    """
    try:
        with Image.open(io.BytesIO(source)) as opened:
            beneath = opened.convert("RGB").resize(size)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError("the input image can't be read") from error
    scene = read_scene(prompt, seed)
    if known := recall(beneath):
        changed = replace(read_scene(f"{known}, {prompt}", seed), dice=known.dice)
        return encode(_drawn(changed, *size), media_type)
    return encode(Image.blend(beneath, draw(scene, *size).convert("RGB"), share), media_type)


def describe(picture: Image.Image) -> str:
    """Say in English what a picture shows that was painted here lately; empty for others."""
    scene = recall(picture)
    return str(scene) if scene else ""


def _drawn(scene: Scene, width: int, height: int) -> Image.Image:
    picture = draw(scene, width, height)
    remember(picture, scene)
    return picture


def encode(picture: Image.Image, media_type: str) -> bytes:
    """Return the file's bytes of ``picture``; the media type is one of ``FORMATS``."""
    image_format = FORMATS[media_type]
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **_OPTIONS.get(image_format, {}))
    return buffer.getvalue()


__all__ = ["FORMATS", "LONGEST_SIDE", "describe", "encode", "paint", "repaint"]
