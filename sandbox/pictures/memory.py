"""Recognises pictures that were painted here, also smaller ones or in another format, so that they can be described."""

from collections import deque

from PIL import Image

from sandbox.pictures.scene import Scene

_KEPT = 500
_SIDE = 16  # pixels of a picture's fingerprint
_ALIKE = 5.0  # of 255: how far two fingerprints of one picture are apart at most, on average

_painted: deque[tuple[bytes, Scene]] = deque(maxlen=_KEPT)


def remember(picture: Image.Image, scene: Scene) -> None:
    """Keep how a picture looks, and what it shows."""
    _painted.append((_fingerprint(picture), scene))


def recall(picture: Image.Image) -> Scene | None:
    """Return what a picture shows, if it was painted here lately."""
    looked_at = _fingerprint(picture)
    nearest = min(((_apart(known, looked_at), i) for i, (known, _) in enumerate(tuple(_painted))), default=(255.0, 0))
    return _painted[nearest[1]][1] if nearest[0] <= _ALIKE else None


def _fingerprint(picture: Image.Image) -> bytes:
    small = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=1.0)
    return small.tobytes()


def _apart(one: bytes, other: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)
