"""Deletes what has been kept for as long as the owner keeps it, and puts batches away that nobody started.

Several workers may do it side by side: each claims what it deletes, and deleting twice is no error.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from shared.images import Images, keys_of
from shared.retention import Retention
from shared.store.aging import Aging
from shared.store.batches import Batches
from shared.store.personal_data import PersonalData
from shared.store.sent_files import SentFiles

log = logging.getLogger(__name__)

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
        personal_data: PersonalData,
        aging: Aging,
        images: Images,
        *,
        retention: Retention,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Delete what is older than ``retention`` says."""
        self._sent_files = sent_files
        self._batches = batches
        self._personal_data = personal_data
        self._images = images
        self._aging = aging
        self._retention = retention
        self._clock = clock
        self._due_at = clock()

    @property
    def is_due(self) -> bool:
        """Whether the next look deletes more than what was refused."""
        return self._clock() >= self._due_at

    def look(self) -> None:
        """Delete what was refused; every hour also what is old, some of it at a time until there is no more.

        Raises:
            StoreAway: The record or the image store does not answer; what was claimed is tried again later.
        """
        refused = self._delete(self._sent_files.claim_refused(limit=FILES_A_LOOK))
        if not self.is_due:
            if refused:
                log.info("files that were refused deleted", extra={"files": refused})
            return
        old = self._delete(self._sent_files.claim_old(self._retention.files, limit=FILES_A_LOOK))
        forgotten = self._sent_files.forget(limit=FILES_A_LOOK)
        put_away = self._batches.put_away_old(ASKED_FOR, limit=BATCHES_A_LOOK)
        numbers = self._finish_deletions()
        figures = {"old_files": old, "refused_files": refused, "rows": forgotten, "batches": put_away}
        aged = self._age()
        log.info("cleaned up", extra=figures | aged | {"people": numbers})
        if max(old, forgotten, *aged.values()) < FILES_A_LOOK and put_away < BATCHES_A_LOOK:
            self._due_at = self._clock() + EVERY_S

    def _age(self) -> dict[str, int]:
        """Delete some of what is old, of each kind; returns how much of which."""
        kept, aging, limit = self._retention, self._aging, FILES_A_LOOK
        figures = {
            "updates": aging.updates(kept.updates, limit=limit),
            "details": aging.details(kept.details, limit=limit),
            "errands": aging.errands(kept.details, limit=limit),
        }
        if kept.originals is not None:
            originals = aging.originals(kept.originals, limit=limit)
            self._images.delete(key for _, key in originals)
            aging.originals_gone([job_id for job_id, _ in originals])
            figures["originals"] = len(originals)
        if kept.chats is not None:
            figures["chats"] = aging.chats(kept.chats, limit=limit)
        if kept.requests is not None:
            figures["requests"] = aging.requests(kept.requests, limit=limit)
        return figures

    def _finish_deletions(self) -> int:
        """Delete what is left of deleted people: late pictures, and numbers after the month; and parts of exports."""
        for errand_id, jobs in self._personal_data.late_pictures():
            self._images.delete(key for job_id in jobs for key in keys_of(job_id))
            self._personal_data.late_pictures_gone(errand_id)
        self._images.delete(self._personal_data.parts_to_delete())
        self._personal_data.parts_deleted()
        return self._personal_data.forget_numbers()

    def _delete(self, keys: list[str]) -> int:
        if keys:
            self._images.delete_sent(keys)
            self._sent_files.gone(keys)
        return len(keys)
