"""Pictures as smaller and smaller JPEGs, for a server that takes no larger requests. Pure."""

import io
from collections.abc import Iterator, Sequence

import PIL.Image

# Longest side in pixels and JPEG quality, best first. A picture of 1024 × 1024 has about 300 kB in the first, 25 in the
# last.
STEPS = ((2560, 90), (1920, 85), (1280, 80), (1024, 70), (768, 60), (512, 50))
WORTH_A_TRY = 0.7  # of the size that was refused before


def smaller_jpegs(pictures: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the pictures as JPEGs, each time noticeably smaller in all than before; at most once for each step.

    Pictures that can't be read have no smaller version.
    """
    refused = sum(map(len, pictures))
    for side, quality in STEPS:
        try:
            tried = [_jpeg(data, side, quality) for data in pictures]
        except (OSError, PIL.Image.DecompressionBombError):
            return
        size = sum(map(len, tried))
        if size <= WORTH_A_TRY * refused:
            refused = size
            yield tried


def _jpeg(data: bytes, side: int, quality: int) -> bytes:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((side, side))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=quality, optimize=True)
    return content.getvalue()
