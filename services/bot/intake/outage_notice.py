"""Tells people that their messages are kept while the database is away: no handler can answer them meanwhile."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from telegram import Bot, Message, Update
from telegram.constants import ChatType
from telegram.error import TelegramError

from services.bot.telegram.addresses import sender_of
from services.bot.telegram.errors import words_of
from services.bot.texts.locales import say
from shared.errors import StoreAway

log = logging.getLogger(__name__)

AFTER_S = 10.0  # a restart of the database is over by then, and nobody has to be told of it
MOST_AT_ONCE = 20  # told between two polls


class OutageNotice:
    """Says it once in each private chat and outage, and takes it back when answers come again."""

    def __init__(self, bot: Bot, *, after_s: float = AFTER_S, clock: Callable[[], float] = time.monotonic) -> None:
        """Say nothing in the first ``after_s`` seconds of an outage."""
        self._bot = bot
        self._after_s = after_s
        self._clock = clock
        self._since: float | None = None
        self._told: dict[int, int | None] = {}  # chats, and the numbers of the messages that say so
        self._removing: asyncio.Task[None] | None = None

    async def tell(self, updates: Iterable[Update | None]) -> None:
        """Take note that these updates could not be written down, and tell those who wait for an answer."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        if now - self._since < self._after_s:
            return
        asking = (update.message for update in updates if update is not None)
        new = {one.chat_id: one for one in asking if one is not None and self._is_untold(one)}
        for message in list(new.values())[:MOST_AT_ONCE]:
            self._told[message.chat_id] = await self._say(message)

    def over(self) -> None:
        """Take note that updates are written down again."""
        told, self._told, self._since = self._told, {}, None
        if sent := {chat_id: number for chat_id, number in told.items() if number is not None}:
            self._removing = asyncio.create_task(self._remove(sent))

    def _is_untold(self, message: Message) -> bool:
        return message.chat.type == ChatType.PRIVATE and message.chat_id not in self._told

    async def _say(self, message: Message) -> int | None:
        try:
            sent = await self._bot.send_message(message.chat_id, say("database_away", sender_of(message).language))
        except (TelegramError, StoreAway) as error:
            words = words_of(error) if isinstance(error, TelegramError) else str(error)
            log.info("outage not told of", extra={"chat_id": message.chat_id, "error": words})
            return None
        return sent.message_id

    async def _remove(self, sent: dict[int, int]) -> None:
        for chat_id, number in sent.items():
            try:
                await self._bot.delete_message(chat_id, number)
            except (TelegramError, StoreAway):  # It stays, and was true when it was sent.
                continue
