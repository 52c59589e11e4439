"""The keyboard with which a status message was sent: by it the message is found where its number was lost."""

from telegram import Bot, InlineKeyboardMarkup

from services.bot.batches.progress import keyboard
from services.bot.pictures import keyboards
from shared.batches import Counts
from shared.status_messages import Work
from shared.store.batches import Batches
from shared.store.errands import Errands
from shared.store.jobs import Jobs


class StatusKeyboards:
    """Reads the record for them."""

    def __init__(self, bot: Bot, jobs: Jobs, errands: Errands, batches: Batches) -> None:
        self._bot = bot
        self._jobs = jobs
        self._errands = errands
        self._batches = batches

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
                batch = self._batches.read(work_id)
                return None if batch is None else keyboard(batch, Counts(), self._bot.username)
