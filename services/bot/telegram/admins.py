"""Who may act for a chat: its admins, as Telegram tells them."""

import asyncio

from telegram import Bot
from telegram.error import BadRequest, Forbidden

KNOWN_FOR_S = 60.0  # a new admin waits no longer than this
MAX_KNOWN = 10_000  # chats


class Admins:
    """Asks Telegram for a chat's admins, and remembers them for a minute.

    For the list of admins a bot needs no rights; a single member it may look up only as an admin itself.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._known: dict[int, tuple[float, frozenset[int]]] = {}

    async def include(self, chat_id: int, person_id: int) -> bool:
        """Whether somebody may act for a chat: as one of its admins; nobody may for one that doesn't tell us.

        A chat that acts for itself may: that is a person in private, or an admin who stays anonymous.
        """
        if person_id == chat_id:
            return True
        now = asyncio.get_running_loop().time()
        known = self._known.get(chat_id)
        if known is None or known[0] < now:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[chat_id] = now + KNOWN_FOR_S, await self._ask(chat_id)
        return person_id in known[1]

    async def _ask(self, chat_id: int) -> frozenset[int]:
        try:
            members = await self._bot.get_chat_administrators(chat_id)
        except (BadRequest, Forbidden):
            return frozenset()  # A channel that we aren't in, or a chat that we have left.
        return frozenset(member.user.id for member in members)
