"""Deletes messages that were marked for removal; retried until Telegram confirms, or refuses for good."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, TelegramError

from services.bot.telegram.errors import Again, Refusal, Refused, Sent, Unsure, after, refusal_of, words_of
from services.bot.telegram.lost_messages import LostMessages
from services.bot.telegram.outbox_relay import Carrier
from services.bot.texts.locales import say
from shared.clock import present
from shared.status_messages import Removal, Work
from shared.store.status_messages import StatusMessages

log = logging.getLogger(__name__)

PAUSES_GROW = 20  # tries; from then on they stay as long as they are
CLOSED_PAUSE_S = 6 * 3600.0  # a chat that is closed to us tells when it opens again
KEEP_TRYING = timedelta(days=7)
MAX_LOOKS = 8  # for a message that may never have been sent: about four minutes
MAX_ASKED = 20  # messages a look

Ending = Callable[[int], Awaitable[None]]


def pause_after(error: TelegramError, *, tries: int) -> float | None:
    """Decide in how many seconds to try again to remove a message; None: it is gone, or nobody can remove it.

    Args:
        tries: Tries so far, this one included.
    """
    if isinstance(error, ChatMigrated):
        return None  # The old group's messages stay behind with it.
    match after(error, tries=min(tries, PAUSES_GROW)):
        case Again(seconds) | Unsure(seconds):
            return seconds
        case Sent() | Refused(Refusal.MESSAGE_GONE | Refusal.NOT_EDITABLE):
            return None
        case _:
            return CLOSED_PAUSE_S


class Removals(Carrier[Removal]):
    """Removes what the record says is to be removed from this bot's chats."""

    at_once = 10
    finish_s = 10.0
    what = "removal"

    def __init__(
        self,
        bot: Bot,
        bot_id: int,
        record: StatusMessages,
        lost: LostMessages,
        endings: Mapping[Work, Ending] | None = None,
    ) -> None:
        """Remove for the bot with this id.

        Args:
            endings: How a message about such work is ended, where it isn't deleted.
        """
        super().__init__()
        self._bot = bot
        self._bot_id = bot_id
        self._record = record
        self._lost = lost
        self._endings = endings or {}

    async def release(self) -> None:
        """Free what the process before this one was removing.

        Raises:
            StoreAway: The database does not answer.
        """
        await asyncio.to_thread(self._record.release_removals, self._bot_id)

    def _claim(self, limit: int) -> list[Removal]:
        return self._record.claim_removals(self._bot_id, limit=limit)

    async def _deliver(self, one: Removal) -> None:
        try:
            again_in_s = await self._remove(one)
        except TelegramError as error:
            again_in_s = pause_after(error, tries=one.tries)
            level = logging.DEBUG if again_in_s is None else logging.INFO
            log.log(level, "message not removed", extra=_fields(one) | {"error": words_of(error)})
        if again_in_s is not None and present() - one.since < KEEP_TRYING:
            await asyncio.to_thread(self._record.again, one.id, in_s=again_in_s)
            return
        if again_in_s is not None:
            log.warning("message left in its chat: it could not be removed", extra=_fields(one))
        await asyncio.to_thread(self._record.removed, one.id)

    async def _remove(self, one: Removal) -> float | None:
        """Remove it; returns in how many seconds to try again, None for never.

        Raises:
            TelegramError: Telegram did not do it.
        """
        message_id = one.message_id or await self._find(one)
        if message_id is None:
            return 2.0**one.tries if one.tries < MAX_LOOKS else None
        if (ending := self._endings.get(one.work)) is not None and one.message_id is not None:
            await ending(one.work_id)
            return None
        try:
            await self._bot.delete_message(one.chat_id, message_id)
        except BadRequest as error:
            if refusal_of(error) is not Refusal.NOT_EDITABLE:
                raise  # A message of ours that can't be deleted is older than 48 hours.
            await self._say_last_words(one, message_id)
        return None

    async def _find(self, one: Removal) -> int | None:
        found = await self._lost.find(one.work, one.work_id, one.chat_id, after=one.after or 0, limit=MAX_ASKED)
        if found is not None:
            log.info("lost status message found", extra=_fields(one) | {"message_id": found})
            await asyncio.to_thread(self._record.found, one.id, found)
        return found

    async def _say_last_words(self, one: Removal, message_id: int) -> None:
        """Make a message that can't be deleted any more say that it is over, without a button."""
        await self._bot.edit_message_text(
            say("status_over", one.language), one.chat_id, message_id, parse_mode=ParseMode.HTML
        )


def _fields(one: Removal) -> dict[str, object]:
    return {f"{one.work}_id": one.work_id, "chat_id": one.chat_id, "message_id": one.message_id}
