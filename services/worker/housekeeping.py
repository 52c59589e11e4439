"""Deletes what people sent when it is old or of no use, and puts batches away that nobody started.

Any number of workers may do it side by side: each claims what it deletes, and deleting twice is no error.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from shared.images import Images
from shared.store.batches import Batches
from shared.store.sent_files import SentFiles

log = logging.getLogger(__name__)

LOOK_S = 30.0
EVERY_S = 3600.0
FILES_A_LOOK = 500  # deleted at a time; further ones come with the next look
BATCHES_A_LOOK = 100
ASKED_FOR = timedelta(days=1)  # how long a batch may wait for its start


class Housekeeping:
    """Frees what is kept for nobody."""

    def __init__(
        self,
        sent_files: SentFiles,
        batches: Batches,
        images: Images,
        *,
        keep: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Delete what was sent so long ago."""
        self._sent_files = sent_files
        self._batches = batches
        self._images = images
        self._keep = keep
        self._clock = clock
        self._due_at = clock()

    def look(self) -> None:
        """Delete what was refused; every hour also what is old, some of it at a time until there is no more.

        Raises:
            StoreAway: The record or the image store does not answer; what was claimed is tried again later.
        """
        refused = self._delete(self._sent_files.claim_refused(most=FILES_A_LOOK))
        if self._clock() < self._due_at:
            if refused:
                log.info("files that were refused deleted", extra={"files": refused})
            return
        old = self._delete(self._sent_files.claim_old(self._keep, most=FILES_A_LOOK))
        forgotten = self._sent_files.forget(most=FILES_A_LOOK)
        put_away = self._batches.put_away_old(ASKED_FOR, most=BATCHES_A_LOOK)
        figures = {"old_files": old, "refused_files": refused, "rows": forgotten, "batches": put_away}
        log.info("cleaned up", extra=figures)
        if max(old, forgotten) < FILES_A_LOOK and put_away < BATCHES_A_LOOK:
            self._due_at = self._clock() + EVERY_S

    def _delete(self, keys: list[str]) -> int:
        if keys:
            self._images.delete_sent(keys)
            self._sent_files.gone(keys)
        return len(keys)
