"""Sends status messages and writes down their numbers; one whose number was lost is looked for.

That a message is being sent is committed before the call. Where Telegram's answer is lost, the message may be in the
chat or not: it is looked for, and another one is sent only after it was found nowhere.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from itertools import chain, repeat

from telegram import CallbackQuery
from telegram.error import NetworkError, RetryAfter, TelegramError

from services.bot.telegram.callback_queries import is_shown, whole_data
from services.bot.telegram.errors import Again, Unsure, after, words_of
from services.bot.telegram.known_messages import KnownMessages
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.removals import Removals
from shared.errors import StoreAway
from shared.status_messages import Work
from shared.store.status_messages import StatusMessages as Record

log = logging.getLogger(__name__)

LOOKS_AFTER_S = (0.3, 1.0, 2.5)  # a message that Telegram has taken is in the chat at once, mostly
ASK_AGAIN_AFTER_S = (5.0, 10.0, 20.0, 40.0, 80.0)  # while Telegram can't be asked
STORE_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # the last one for as long as it takes
MAX_ASKED = 5  # messages a look
MAX_SENT = 3  # of one status message, each after the one before was found nowhere
FINISH_S = 5.0

Key = tuple[Work, int]


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """A status message that is to be sent.

    Attributes:
        work_id: The job, errand or batch that it is about.
        shown: What it says, in the record's form.
        after: Its number is higher than this.
        send: Sends it; returns its number.
        standing: Is told once its number is written down.
    """

    work: Work
    work_id: int
    chat_id: int
    shown: str
    after: int
    send: Callable[[], Awaitable[int]]
    standing: Callable[[], None] = lambda: None

    @property
    def key(self) -> Key:
        """The work that it is about."""
        return self.work, self.work_id

    @property
    def fields(self) -> dict[str, object]:
        """What a log line names of it."""
        return {f"{self.work}_id": self.work_id, "chat_id": self.chat_id}


class StatusMessages:
    """Sends the status messages of this bot."""

    def __init__(self, record: Record, lost: LostMessages, known: KnownMessages, removals: Removals) -> None:
        self._record = record
        self._lost = lost
        self._known = known
        self._removals = removals
        self._in_hand: dict[Key, asyncio.Task[None]] = {}
        self._being_sent: set[Key] = set()

    def after(self, chat_id: int, request: int = 0) -> int:
        """The number that a message sent from now on comes after, in answer to this message of the chat."""
        return max(self._known.highest(chat_id), request)

    def has_in_hand(self, work: Work, work_id: int) -> bool:
        """Whether this process is sending such a message, or looks for it."""
        key = (work, work_id)
        return key in self._in_hand or key in self._being_sent

    async def begin(self, message: StatusMessage) -> None:
        """Note that the message is being sent, and send it; does nothing where one stands, or may.

        Raises:
            TelegramError: Telegram will not take it.
            StoreAway: Nothing was sent.
        """
        begun = await asyncio.to_thread(self._record.begin, message.work, message.work_id, after=message.after)
        if begun:
            await self.send(message)

    async def send(self, message: StatusMessage) -> None:
        """Send a message of which the record says that it is being sent, and write down its number.

        What Telegram can't take now, a lost answer and a database that is away are seen to later.

        Raises:
            TelegramError: Telegram will not take it.
        """
        self._being_sent.add(message.key)
        try:
            came_of_it = await self._post(message, tries=1)
            if not isinstance(came_of_it, int):
                self._take_in_hand(message, self._carry_on(message, came_of_it))
            elif not await self._noted(message, came_of_it):
                self._take_in_hand(message, self._keep_noting(message, came_of_it))
        finally:
            self._being_sent.discard(message.key)

    def look(self, message: StatusMessage) -> None:
        """Look for a message that may have been sent, unless somebody does."""
        if not self.has_in_hand(*message.key):
            self._take_in_hand(message, self._carry_on(message, Unsure(0.0)))

    async def come_to_rest(self, work: Work, work_id: int) -> None:
        """Wait until this process neither sends such a message again nor looks for it."""
        if (task := self._in_hand.get((work, work_id))) is not None:
            await asyncio.wait([task])

    async def pressed(self, query: CallbackQuery, work: Work, work_id: int, chat_id: int) -> bool:
        """Learn the number of a status message from a press of its button; one that nobody needs is removed.

        Args:
            chat_id: The chat of its work.

        Returns:
            Whether it stands: its result has not been delivered yet. True also where nothing could be
            learnt: in another chat, or from a message that does not show this button.

        Raises:
            StoreAway: The database is away.
        """
        message = query.message
        if message is None or message.chat.id != chat_id or not is_shown(query, whole_data):
            return True
        stands = await asyncio.to_thread(self._record.pressed, work, work_id, message.message_id)
        if not stands:
            self._removals.changed()
        return stands

    async def finish(self) -> None:
        """Let what is in hand end, for a moment: what doesn't is taken up at the next start."""
        if tasks := list(self._in_hand.values()):
            _, pending = await asyncio.wait(tasks, timeout=FINISH_S)
            for task in pending:
                task.cancel()

    def _take_in_hand(self, message: StatusMessage, do: Coroutine[None, None, None]) -> None:
        task = self._in_hand[message.key] = asyncio.create_task(self._carry(message, do))
        task.add_done_callback(lambda _: self._in_hand.pop(message.key, None))

    async def _carry(self, message: StatusMessage, do: Coroutine[None, None, None]) -> None:
        try:
            await do
        except (StoreAway, TelegramError) as error:
            # The next look, or the end of its work, finds in the record that it is missing.
            log.warning("status message not found yet", extra=message.fields | {"error": type(error).__name__})
        except Exception:
            # Top-level handler: the record still says that it is missing.
            log.exception("looking for a status message failed", extra=message.fields)

    async def _post(self, message: StatusMessage, *, tries: int) -> int | Again | Unsure:
        """Send it; returns its number, or what follows.

        Raises:
            TelegramError: Telegram will not take it.
        """
        try:
            message_id = await message.send()
        except TelegramError as error:
            log.warning("status message not sent yet", extra=message.fields | {"error": words_of(error)})
            follows = after(error, tries=tries)
            if isinstance(follows, Again | Unsure):
                return follows
            await self._not_sent(message)
            raise
        self._known.note(message.chat_id, message_id)
        return message_id

    async def _not_sent(self, message: StatusMessage) -> None:
        try:
            await asyncio.to_thread(self._record.not_sent, *message.key)
        except StoreAway:
            # So it is looked for later, and found nowhere.
            log.warning("status message not sent, which can't be noted", extra=message.fields)

    async def _noted(self, message: StatusMessage, message_id: int) -> bool:
        """Write its number down; False while the database is away."""
        try:
            stands = await asyncio.to_thread(self._record.sent, *message.key, message_id, message.shown)
        except StoreAway:
            log.warning("number of a status message not noted: the database is away", extra=message.fields)
            return False
        if stands:
            message.standing()
        else:
            self._removals.changed()
        return True

    async def _keep_noting(self, message: StatusMessage, message_id: int) -> None:
        """Write its number down as soon as the database is back."""
        for pause in chain(STORE_AGAIN_S, repeat(STORE_AGAIN_S[-1])):
            if await self._noted(message, message_id):
                return
            await asyncio.sleep(_jittered(pause))

    async def _carry_on(self, message: StatusMessage, came_of_it: int | Again | Unsure) -> None:
        """Look for a message that may be there; one that is not is sent again.

        Raises:
            TelegramError: Telegram will not take it.
            StoreAway: The database is away.
        """
        tries = 1
        while not isinstance(came_of_it, int):
            found = await self._wait(message, came_of_it)
            if found is not None:
                came_of_it = found
                break
            tries += 1
            if tries > MAX_SENT:
                return
            may_be_there, message = (
                isinstance(came_of_it, Unsure),
                replace(message, after=self.after(message.chat_id)),
            )
            if not await asyncio.to_thread(
                self._record.send_again, *message.key, after=message.after, may_be_there=may_be_there
            ):
                return
            came_of_it = await self._post(message, tries=tries)
        await self._keep_noting(message, came_of_it)

    async def _wait(self, message: StatusMessage, came_of_it: Again | Unsure) -> int | None:
        """Let the pause pass before the next try, looking meanwhile for what may be there; returns its number.

        Raises:
            TelegramError: Telegram could not be asked.
        """
        if isinstance(came_of_it, Again):
            await asyncio.sleep(came_of_it.seconds)
            return None
        looks = 0
        for pause in (*LOOKS_AFTER_S, *ASK_AGAIN_AFTER_S):
            await asyncio.sleep(_jittered(pause))
            try:
                found = await self._lost.find(*message.key, message.chat_id, after=message.after, limit=MAX_ASKED)
            except (NetworkError, RetryAfter) as error:
                refused = error
                log.info("lost status message not looked for", extra=message.fields | {"error": words_of(error)})
                continue
            if found is not None:
                log.info("lost status message found", extra=message.fields | {"message_id": found})
                return found
            looks += 1
            if looks == len(LOOKS_AFTER_S):
                return None
        raise refused


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)
