"""Chats that are closed to the bot, because somebody blocked or removed it, and chats that open again."""

import asyncio
import logging

from telegram import ChatMember, Update
from telegram.ext import ContextTypes

from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.removals import Removals
from shared.errors import StoreAway
from shared.store.chats import Chats
from shared.store.status_messages import StatusMessages
from shared.tickets import Tickets

log = logging.getLogger(__name__)

OUTSIDE = frozenset({ChatMember.LEFT, ChatMember.BANNED})


class ClosedChats:
    """Ends what waits in chats where nobody would get it, and has them left alone until something comes from them."""

    def __init__(  # noqa: PLR0917
        self,
        bot_id: int,
        chats: Chats,
        record: StatusMessages,
        tickets: Tickets,
        removals: Removals,
        limit: FloodLimit,
    ) -> None:
        self._bot_id = bot_id
        self._chats = chats
        self._record = record
        self._tickets = tickets
        self._removals = removals
        self._limit = limit

    async def follow(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:  # noqa: ARG002
        """Hear that somebody blocked, removed, unblocked or added the bot."""
        change = update.my_chat_member
        if change is None:
            return
        member = change.new_chat_member
        if member.status in OUTSIDE or getattr(member, "is_member", True) is False:
            log.info("removed from a chat", extra={"chat_id": change.chat.id, "status": member.status})
            self._limit.close(change.chat.id)
            await asyncio.to_thread(self._end, change.chat.id)
        else:
            self._limit.open(change.chat.id)
            # What could not be removed while the chat was closed can be now.
            await asyncio.to_thread(self._record.release_removals, self._bot_id, change.chat.id)
            self._removals.changed()

    async def hear(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:  # noqa: ARG002
        """Hear that somebody is there: from a chat that is gone nothing comes."""
        if update.effective_chat is not None and update.my_chat_member is None:
            self._limit.open(update.effective_chat.id)

    def gone(self, chat_id: int) -> None:
        """End what waits in a chat to which nothing can be sent, or nothing is to be. Blocks."""
        try:
            self._end(chat_id)
        except StoreAway:
            log.warning("what waits in a chat that is gone not ended: the database is away", extra={"chat_id": chat_id})

    def _end(self, chat_id: int) -> None:
        ended = self._chats.end(self._bot_id, chat_id)
        if not ended:
            return
        fields = {"jobs": ended.jobs, "batches": ended.batches, "errands": ended.errands}
        log.info("chat is gone, what waited there was ended", extra={"chat_id": chat_id} | fields)
        self._tickets.send()  # Held pictures of others may have come into the line.
