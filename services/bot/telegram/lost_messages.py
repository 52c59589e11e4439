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
from dataclasses import dataclass

from telegram import Bot, InlineKeyboardMarkup, Message
from telegram.constants import ChatType
from telegram.error import BadRequest, TelegramError

from services.bot.telegram.errors import NOT_MODIFIED
from services.bot.telegram.flood_limit import QUIETLY, FloodLimit
from services.bot.telegram.known_messages import KnownMessages
from shared.status_messages import Work
from shared.store.status_messages import StatusMessages

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sought:
    """A status message that is looked for.

    Attributes:
        keyboard: With which it was sent.
        request: The message to which it replies; 0 where its group has moved without it.
        of_picture: The keyboard under a picture that came of the same request; None where none can.
    """

    keyboard: InlineKeyboardMarkup
    request: int
    of_picture: InlineKeyboardMarkup | None = None


Seek = Callable[[Work, int], Sought | None]


class LostMessages:
    """Looks for status messages in this bot's chats."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self, bot: Bot, bot_id: int, record: StatusMessages, known: KnownMessages, limit: FloodLimit, seek: Seek
    ) -> None:
        """Ask ``seek`` how the status message of a job, errand or batch is recognised; it may block."""
        self._bot = bot
        self._bot_id = bot_id
        self._record = record
        self._known = known
        self._limit = limit
        self._seek = seek
        self._checked: set[tuple[int, int]] = set()  # lost their keyboard to a check whose answer was lost

    async def find(self, work: Work, work_id: int, chat_id: int, *, after: int, limit: int) -> int | None:
        """The number of this work's status message in this chat; None where none of those asked does.

        Args:
            after: Its number is higher than this.
            limit: So many messages are asked.

        Raises:
            TelegramError: Telegram could not be asked.
            StoreAway: The record could not be asked.
        """
        sought = await asyncio.to_thread(self._seek, work, work_id)
        if sought is None:
            return None
        async with self._limit.quiet(chat_id):
            candidates = self._known.unknown(chat_id, after=after, limit=limit)
            in_record = await asyncio.to_thread(self._record.known, self._bot_id, chat_id, candidates)
            for message_id in candidates:
                if message_id not in in_record and await self._is_it(chat_id, message_id, sought):
                    return message_id
        return None

    async def _is_it(self, chat_id: int, message_id: int, sought: Sought) -> bool:
        """Whether this is the message.

        Raises:
            TelegramError: Telegram could not be asked.
        """
        try:
            changed = await self._put(chat_id, message_id, sought.keyboard)
        except BadRequest as error:
            text = error.message.lower()
            if "can't be edited" in text:
                self._known.note(chat_id, message_id)  # Somebody else's: it need not be asked again.
            return NOT_MODIFIED in text and await self._check(chat_id, message_id, sought)
        if (chat_id, message_id) in self._checked and _fits(changed, sought):
            self._checked.discard((chat_id, message_id))
            return True
        await self._put_back(chat_id, message_id, changed, sought)
        return False

    async def _check(self, chat_id: int, message_id: int, sought: Sought) -> bool:
        """Look at a message that bears the keyboard: an earlier question whose answer was lost may have put it there.

        Only an edit shows a message, so the keyboard is taken away for a moment.

        Raises:
            TelegramError: Telegram could not be asked.
        """
        self._checked.add((chat_id, message_id))
        seen = await self._put(chat_id, message_id, None)
        self._checked.discard((chat_id, message_id))
        if not _fits(seen, sought):
            await self._put_back(chat_id, message_id, seen, sought)
            return False
        try:
            await self._put(chat_id, message_id, sought.keyboard)
        except TelegramError as error:
            # Its next edit brings the button back.
            log.info(
                "keyboard not put back", extra={"chat_id": chat_id, "message_id": message_id, "error": error.message}
            )
        return True

    async def _put_back(self, chat_id: int, message_id: int, changed: Message | bool, sought: Sought) -> None:
        """Give another message of ours its keyboard back, as far as it can be known."""
        log.warning(
            "another message was changed, changing it back", extra={"chat_id": chat_id, "message_id": message_id}
        )
        self._known.forget(chat_id, message_id)  # Until it is changed back, the next look has to ask it again.
        if isinstance(changed, Message) and changed.text is None:
            await self._put(chat_id, message_id, sought.of_picture if _replies(changed, sought) else None)
            return
        before = await self._other_lost(changed, sought)
        await self._put(chat_id, message_id, before)
        if before is not None:
            self._known.forget(chat_id, message_id)  # A search for it has to ask it.

    async def _other_lost(self, changed: Message | bool, sought: Sought) -> InlineKeyboardMarkup | None:
        """The keyboard of a message that was changed, where it is another status message that is looked for.

        In a private chat the first of several quotes no request: it was the only one when it was sent.
        """
        if not isinstance(changed, Message):
            return None
        request = changed.reply_to_message
        if request is None and changed.chat.type != ChatType.PRIVATE:
            return None
        look, message_id = self._record.missing_beside, sought.request
        if request is not None:
            look, message_id = self._record.missing_in_reply_to, request.message_id
        lost = await asyncio.to_thread(look, self._bot_id, changed.chat.id, message_id)
        found = None if lost is None else await asyncio.to_thread(self._seek, *lost)
        return None if found is None else found.keyboard

    async def _put(self, chat_id: int, message_id: int, keyboard: InlineKeyboardMarkup | None) -> Message | bool:
        return await self._bot.edit_message_reply_markup(
            chat_id,
            message_id,
            reply_markup=keyboard,
            rate_limit_args=QUIETLY,  # type: ignore[call-arg]
        )


def _replies(message: Message, sought: Sought) -> bool:
    """Whether a message replies to the request, as far as it tells: a request may have been deleted."""
    replied = message.reply_to_message
    return replied is None or not sought.request or replied.message_id == sought.request


def _fits(message: Message | bool, sought: Sought) -> bool:
    return isinstance(message, Message) and message.text is not None and _replies(message, sought)
