"""Looks at pictures: what is in those that the sandbox painted, of others the size and the colour."""

# ruff: noqa: E501 -- a table of colours.

import io

from PIL import Image

from sandbox import pictures
from sandbox.gemini.question import Attachment


def describe(file: Attachment) -> str:
    """Say what a file is, and of a picture how it looks."""
    if not file.media_type.startswith("image/"):
        return f"I received a file of type {file.media_type} with {len(file.content)} bytes."
    try:
        with Image.open(io.BytesIO(file.content)) as picture:
            width, height, kind = picture.width, picture.height, picture.format
            tone, seen = _dominant_colour(picture), pictures.describe(picture)
    except (OSError, Image.DecompressionBombError):
        return "I can't read this picture; it seems to be damaged."
    if seen:
        return (
            f"I see {seen}. It is a flat, clear illustration, {width}×{height} pixels, mostly {tone.partition(' ')[0]}."
        )
    return f"I see a {kind} picture of {width}×{height} pixels. Its dominant colour is {tone}."


def subject_of(files: tuple[Attachment, ...]) -> str:
    """Return what a prompt may call the first picture among files; empty without one.

    That is what it shows, like ``a fox in the snow``, or how it looks, like ``an orange picture``.
    """
    for file in files:
        if file.media_type.startswith("image/"):
            try:
                with Image.open(io.BytesIO(file.content)) as picture:
                    if seen := pictures.describe(picture):
                        return seen
                    colour = _dominant_colour(picture).partition(" ")[0]
            except (OSError, Image.DecompressionBombError):
                return "a picture"
            return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} picture"
    return ""


def _dominant_colour(picture: Image.Image) -> str:
    """Name the most common colour, like ``orange (#e08030)``."""
    few = picture.convert("RGB").resize((48, 48)).quantize(5)
    counts = few.histogram()
    index = counts.index(max(counts))
    red, green, blue = (few.getpalette() or [0, 0, 0])[3 * index : 3 * index + 3]
    return f"{_colour_name(red, green, blue)} (#{red:02x}{green:02x}{blue:02x})"


_COLOURS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (220, 30, 30), "orange": (240, 140, 40),
    "yellow": (240, 220, 60), "green": (40, 160, 60), "cyan": (60, 200, 210), "blue": (40, 80, 210), "purple": (130, 50, 170),
    "pink": (240, 140, 180), "brown": (120, 76, 40),
}  # fmt: skip


def _colour_name(*colour: int) -> str:
    return min(_COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(colour, _COLOURS[name], strict=True)))
