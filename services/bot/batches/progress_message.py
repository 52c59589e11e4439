"""Edits a batch's progress message, within the flood limit; the message also records which albums were sent.

Telegram can't be asked whether it took an album. But it can be told to make a message say what it says already, and
then answers that it is not modified. So an album is sent while the message certainly says one thing, and right after
it the message is made to say another. A process that takes up a delivery whose end is unknown tells the message
to say the first once more: where that changes something, the album had been sent.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace

from telegram import InlineKeyboardMarkup
from telegram.error import BadRequest, TelegramError
from telegram.ext import ExtBot

from services.bot.batches.progress import keyboard, progress
from services.bot.telegram.errors import words_of
from services.bot.telegram.flood_limit import FloodLimit, Kind
from services.bot.telegram.sending import Edit, Sending, Words
from shared.batches import Batch, BatchState
from shared.jobs import Job
from shared.json_types import JsonObject
from shared.store.batches import Batches

log = logging.getLogger(__name__)

PRIVATE_PAUSE_S, GROUP_PAUSE_S = 3.0, 5.0  # between two edits of one progress message


@dataclass(frozen=True, slots=True)
class Saying:
    """What a progress message says, and its buttons as Telegram's JSON."""

    text: str
    markup: JsonObject | None


class ProgressMessage:
    """Edits the progress messages of this bot's batches."""

    def __init__(self, bot: ExtBot[int], batches: Batches, limit: FloodLimit) -> None:
        self._bot = bot
        self._sending = Sending(bot)
        self._limit = limit
        self._batches = batches
        self._next_edit_at: dict[int, float] = {}
        self._certain: dict[int, Saying] = {}  # what a message says, where Telegram said that it does
        self._under_way: set[int] = set()  # batches of which this process is sending something

    async def show(self, batch: Batch, *, at_once: bool = False) -> None:
        """Say how things are, if it says something else and long enough has passed, or at once."""
        if batch.sending and batch.id not in self._under_way:
            return  # The message is needed as it stands: it will tell whether these were sent.
        loop = asyncio.get_running_loop()
        too_soon = loop.time() < self._next_edit_at.get(batch.id, 0.0)
        if not at_once and (too_soon or self._limit.room_in_s(batch.address.chat_id, Kind.EDIT)):
            return  # The next look comes soon.
        saying = await self._saying(batch)
        if not at_once and saying.text == batch.status_shown:
            return
        self._certain.pop(batch.id, None)  # Before the change, which a reader of the witness must not miss.
        if not await asyncio.to_thread(self._batches.change_status, batch, saying.text):
            return
        self._next_edit_at[batch.id] = loop.time() + (PRIVATE_PAUSE_S if batch.address.private else GROUP_PAUSE_S)
        await self._try_to_say(batch, saying)

    async def close(self, batch: Batch) -> None:
        """Say what came of it, for the last time.

        A message that can't be edited is taken away, because it would offer to pause what has ended. One that somebody
        deleted is sent anew only where the pictures did not arrive.

        Raises:
            TelegramError: It was not said.
        """
        saying = await self._saying(batch)
        came_of_it = await self._say(batch, saying)
        if came_of_it is Edit.REFUSED and batch.status_message_id is not None:
            with contextlib.suppress(TelegramError):
                await self._sending.delete(batch.address.chat_id, batch.status_message_id)
        if came_of_it is Edit.REFUSED or (came_of_it is Edit.GONE and batch.undelivered_reason is not None):
            await self._say_anew(batch, saying)
        self._next_edit_at.pop(batch.id, None)
        self._certain.pop(batch.id, None)

    def may_change_s(self, batch: Batch) -> float:
        """Seconds for which the message may still be made to say something older; 0: it says what was said last."""
        if batch.status_message_id is None:
            return 0.0
        return self._limit.edit_may_come_s(batch.address.chat_id, batch.status_message_id)

    # The witness

    @asynccontextmanager
    async def witnessing(self, batch: Batch, jobs: Sequence[Job]) -> AsyncIterator[None]:
        """Send these pictures within: the message says one thing until they are sent, and another from then on."""
        self._under_way.add(batch.id)
        try:
            await self._call_witness(batch, [job.id for job in jobs])
            # Read before: what is in the chat must be told also where the database has gone away meanwhile.
            afterwards = await self._saying(batch, more=len(jobs))
            yield
            await self._try_to_say(batch, afterwards)
        finally:
            self._under_way.discard(batch.id)

    async def _call_witness(self, batch: Batch, job_ids: list[int]) -> None:
        if batch.id not in self._certain:
            await self._try_to_say(batch, await self._saying(batch))
        witness = self._certain.get(batch.id)
        await asyncio.to_thread(
            self._batches.begin_sending, batch.id, job_ids, asdict(witness) if witness is not None else None
        )
        if self._certain.get(batch.id) is not witness:
            # A button was pressed meanwhile, and the message is about to say something else.
            await asyncio.to_thread(self._batches.begin_sending, batch.id, job_ids, None)

    async def saw(self, batch: Batch) -> bool:
        """Whether the message tells that what was being sent when somebody fell silent is in the chat.

        Raises:
            TelegramError: Telegram could not be asked.
        """
        self._certain.pop(batch.id, None)
        if batch.witness is None:
            return False
        return await self._edit(batch, Saying(**batch.witness)) is Edit.CHANGED

    async def _saying(self, batch: Batch, *, more: int = 0) -> Saying:
        counts = await asyncio.to_thread(self._batches.counts, batch.id)
        if batch.state is BatchState.FINISHED and counts.home < counts.finished and batch.undelivered_reason is None:
            batch = replace(batch, state=BatchState.RUNNING)  # That all is done is said when all is there.
        text = progress(batch, replace(counts, home=counts.home + more), batch.sender.language)
        markup = keyboard(batch, counts, self._bot.username)
        return Saying(text, markup.to_dict() if markup is not None else None)

    async def _try_to_say(self, batch: Batch, saying: Saying) -> None:
        try:
            await self._say(batch, saying)
        except TelegramError as error:
            log.info("progress not edited", extra={"batch_id": batch.id, "error": words_of(error)})

    async def _say(self, batch: Batch, saying: Saying) -> Edit:
        self._certain.pop(batch.id, None)
        if batch.status_message_id is None:
            # Its group has become a supergroup, and the message stayed behind.
            await self._say_anew(batch, saying)
            return Edit.CHANGED
        came_of_it = await self._edit(batch, saying)
        if came_of_it in {Edit.CHANGED, Edit.AS_IT_WAS} and not self.may_change_s(batch):
            self._certain[batch.id] = saying
        return came_of_it

    async def _edit(self, batch: Batch, saying: Saying) -> Edit:
        if batch.status_message_id is None:
            return Edit.GONE
        words, markup = Words(saying.text), _markup(saying)
        try:
            return await self._sending.edit(batch.address.chat_id, batch.status_message_id, words, markup)
        except BadRequest as error:
            log.debug("progress not edited", extra={"batch_id": batch.id, "error": words_of(error)})
            return Edit.REFUSED

    async def _say_anew(self, batch: Batch, saying: Saying) -> None:
        sent = await self._sending.text(batch.address, Words(saying.text), _markup(saying), quiet=True)
        await asyncio.to_thread(self._batches.show_status, batch.id, sent.message_id, saying.text)


def _markup(saying: Saying) -> InlineKeyboardMarkup | None:
    return InlineKeyboardMarkup.de_json(saying.markup) if saying.markup else None
