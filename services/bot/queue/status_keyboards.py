"""The keyboard with which a status message was sent, and its request: by them it is found where its number was lost."""

from telegram import Bot

from services.bot.batches.progress import keyboard
from services.bot.chat.keyboards import while_answering
from services.bot.pictures import keyboards
from services.bot.telegram.lost_messages import Sought
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

    def of(self, work: Work, work_id: int) -> Sought | None:
        """How this work's status message is recognised; None where its row is gone. Blocks."""
        match work:
            case Work.JOB:
                job = self._jobs.read(work_id)
                if job is None:
                    return None
                # An album can't carry buttons.
                of_picture = keyboards.picture(job) if job.request.count == 1 else None
                return Sought(keyboards.status(job), job.address.message_id, of_picture)
            case Work.ERRAND:
                errand = self._errands.read(work_id)
                return Sought(while_answering(errand), errand.address.message_id) if errand else None
            case Work.BATCH:
                batch = self._batches.read(work_id)
                buttons = keyboard(batch, Counts(), self._bot.username) if batch else None
                return Sought(buttons, batch.address.message_id) if batch and buttons else None
