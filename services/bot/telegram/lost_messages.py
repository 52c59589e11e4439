"""Finds a message of ours whose number nobody wrote down, by its keyboard.

The Bot API lists no messages. But an edit that would change nothing is refused as "not modified", and a keyboard with
the number of its job in it stands under one message only. So the numbers after the last one that was known before the
message was sent are asked one by one to bear that keyboard: the one that is "not modified" is the message. Messages of
other people and of other chats refuse the edit, and messages of ours that are known are not asked. Nothing is sent to
the chat meanwhile: the number of a message that is on its way is not known yet.
"""

import asyncio
import logging
from collections.abc import Callable

from telegram import Bot, InlineKeyboardMarkup, Message
from telegram.error import BadRequest

from services.bot.telegram.errors import NOT_MODIFIED
from services.bot.telegram.flood_limit import QUIETLY, FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from shared.status_messages import Work
from shared.store.status_messages import StatusMessages

log = logging.getLogger(__name__)

KeyboardOf = Callable[[Work, int], InlineKeyboardMarkup | None]


class LostMessages:
    """Looks for status messages in this bot's chats."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        bot: Bot,
        bot_id: int,
        record: StatusMessages,
        known: KnownMessages,
        limit: FloodLimit,
        keyboard_of: KeyboardOf,
    ) -> None:
        """Ask ``keyboard_of`` for the keyboard under the status message of a job, errand or batch; it may block."""
        self._bot = bot
        self._bot_id = bot_id
        self._record = record
        self._known = known
        self._limit = limit
        self._keyboard_of = keyboard_of

    async def find(self, work: Work, work_id: int, chat_id: int, *, after: int, most: int) -> int | None:
        """The number of the status message in this chat that tells of this; None where none of those asked does.

        Args:
            after: Its number is higher than this.
            most: So many messages are asked.

        Raises:
            TelegramError: Telegram could not be asked.
            StoreAway: The record could not be asked.
        """
        keyboard = await asyncio.to_thread(self._keyboard_of, work, work_id)
        if keyboard is None:
            return None
        async with self._limit.quiet(chat_id):
            candidates = self._known.unknown(chat_id, after=after, most=most)
            in_record = await asyncio.to_thread(self._record.known, self._bot_id, chat_id, candidates)
            for message_id in candidates:
                if message_id not in in_record and await self._bears(chat_id, message_id, keyboard):
                    return message_id
        return None

    async def _bears(self, chat_id: int, message_id: int, keyboard: InlineKeyboardMarkup) -> bool:
        """Whether the message bears exactly this keyboard.

        Raises:
            TelegramError: Telegram could not be asked.
        """
        try:
            changed = await self._put(chat_id, message_id, keyboard)
        except BadRequest as error:
            text = error.message.lower()
            if "can't be edited" in text:
                self._known.note(chat_id, message_id)  # Somebody else's: it need not be asked again.
            return NOT_MODIFIED in text
        log.warning(
            "another message was changed, changing it back", extra={"chat_id": chat_id, "message_id": message_id}
        )
        before = await self._keyboard_before(changed)
        await self._put(chat_id, message_id, before)
        if before is not None:
            self._known.forget(chat_id, message_id)  # Whoever looks for it has to ask it.
        return False

    async def _keyboard_before(self, changed: Message | bool) -> InlineKeyboardMarkup | None:
        """The keyboard of a message that was changed, where it is another status message that is looked for."""
        request = changed.reply_to_message if isinstance(changed, Message) else None
        if request is None:
            return None
        lost = await asyncio.to_thread(
            self._record.missing_in_reply_to, self._bot_id, request.chat.id, request.message_id
        )
        return None if lost is None else await asyncio.to_thread(self._keyboard_of, *lost)

    async def _put(self, chat_id: int, message_id: int, keyboard: InlineKeyboardMarkup | None) -> Message | bool:
        return await self._bot.edit_message_reply_markup(
            chat_id,
            message_id,
            reply_markup=keyboard,
            rate_limit_args=QUIETLY,  # type: ignore[call-arg]
        )
