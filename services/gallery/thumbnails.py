"""Small pictures for the grid: drawn once, and remembered for a while, up to so many bytes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from services.contact_sheet import ContactSheets
from shared.images import Images

MAX_BYTES = 32 * 1024 * 1024  # about 3,000 of them
KEPT_S = 3_600.0  # what was deleted is not remembered for longer


class Thumbnails:
    """Draws and remembers small pictures; who may see them is not asked here. Thread-safe; blocks."""

    def __init__(
        self,
        images: Images,
        sheets: ContactSheets,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember none yet."""
        self._images = images
        self._sheets = sheets
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def of(self, image_key: str) -> bytes:
        """The small picture of an original, as a JPEG.

        Raises:
            FileNotFoundError: The original is gone.
            NotDrawn: It can't be decoded.
            StoreAway: The image store does not answer.
        """
        with self._lock:
            self._drop_old()
            if image_key in self._kept:
                self._kept.move_to_end(image_key)
                return self._kept[image_key][1]
        drawn = self._sheets.thumbnail(self._images.get(image_key))
        with self._lock:
            self._drop(image_key)
            self._kept[image_key] = (self._clock(), drawn)
            self._bytes += len(drawn)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))
        return drawn

    def _drop_old(self) -> None:
        """Forget what was drawn long ago."""
        oldest = self._clock() - KEPT_S
        for key in [key for key, (drawn_at, _) in self._kept.items() if drawn_at < oldest]:
            self._drop(key)

    def _drop(self, image_key: str) -> None:
        if image_key in self._kept:
            self._bytes -= len(self._kept.pop(image_key)[1])
