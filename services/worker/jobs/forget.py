"""Deletes what is kept of one person, files first: what the record has of a file is deleted after the file."""

import logging

from shared.errands import Errand
from shared.images import Images
from shared.store.errands import Errands
from shared.store.personal_data import PersonalData

log = logging.getLogger(__name__)

COMES_HOME = "comes_home"  # why it waits: deliveries and cancelled work come to their ends
LOOK_EVERY_S = 3.0


class ForgetJob:
    """Runs the errands that delete a person's data. Each step may be repeated, so a killed worker's goes on."""

    def __init__(self, errands: Errands, data: PersonalData, images: Images) -> None:
        self._errands = errands
        self._data = data
        self._images = images

    def run(self, errand: Errand) -> None:
        """Cancel what is under way, let it come to its end, and delete all.

        Raises:
            LostTurn: Another worker has it.
            StoreAway: The record or the image store does not answer.
        """
        self._data.end_work(errand)
        if self._data.is_coming_home(errand):
            self._errands.wait(errand, seconds=LOOK_EVERY_S, reason=COMES_HOME, failures=errand.failures)
            return
        while (some := self._data.next_pictures(errand)).jobs:
            self._images.delete(some.keys)
            self._data.delete_jobs(errand, some.jobs)
        while keys := self._data.next_files(errand):
            self._images.delete_sent(keys)
            self._data.files_gone(errand, keys)
        self._images.delete(self._data.parts_to_delete(errand))
        for delete_some in (
            self._data.delete_batches,
            self._data.delete_questions,
            self._data.blank_updates,
            self._data.forget_old_numbers,
        ):
            while delete_some(errand):
                continue
        self._data.delete_rest(errand)
        done = self._errands.read(errand.id)
        self._errands.finish(errand, result=done.result if done else None)
        log.info("data of a person deleted", extra={"errand_id": errand.id})
