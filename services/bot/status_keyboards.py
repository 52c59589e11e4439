"""The keyboard with which a status message was sent: by it the message is found where its number was lost."""

from telegram import InlineKeyboardMarkup

from services.bot.pictures import keyboards
from shared.status_messages import Work
from shared.store.errands import Errands
from shared.store.jobs import Jobs


class StatusKeyboards:
    """Reads the record for them."""

    def __init__(self, jobs: Jobs, errands: Errands) -> None:
        self._jobs = jobs
        self._errands = errands

    def of(self, work: Work, work_id: int) -> InlineKeyboardMarkup | None:
        """The keyboard of this work's status message; None where its row is gone. Blocks."""
        match work:
            case Work.JOB:
                job = self._jobs.read(work_id)
                return None if job is None else keyboards.status(job)
            case Work.ERRAND:
                errand = self._errands.read(work_id)
                return None if errand is None else keyboards.while_answering(errand)
            case Work.BATCH:
                return None
