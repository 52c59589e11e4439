"""Whether a message of ours quotes the one that it answers: in a private chat only where it would be unclear otherwise.

All that is sent goes through the library's rate limiter.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from telegram import ForceReply, ReplyParameters
from telegram.ext import BaseRateLimiter

from services.bot.telegram.flood_limit import Answer, Call, FloodLimit
from shared.errors import StoreAway

IsClear = Callable[[int, int], bool]


class Quoting(BaseRateLimiter[int]):
    """Leaves needless quotes out, and hands every call on to the flood limit."""

    def __init__(self, limit: FloodLimit, is_clear: IsClear) -> None:
        """Ask ``is_clear`` whether it is plain which message of a person, in their chat, is answered; it may block."""
        self._limit = limit
        self._is_clear = is_clear

    async def initialize(self) -> None:
        """Get ready."""
        await self._limit.initialize()

    async def shutdown(self) -> None:
        """Let go of what is held."""
        await self._limit.shutdown()

    async def process_request(  # noqa: PLR0917 - the library's signature
        self,
        callback: Call,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        endpoint: str,
        data: dict[str, object],
        rate_limit_args: int | None,
    ) -> Answer:
        """Call, without a quote that tells nothing. ``data`` is what the call sends: the library reads it later."""
        if await self._quotes_needlessly(data):
            del data["reply_parameters"]
        return await self._limit.process_request(callback, args, kwargs, endpoint, data, rate_limit_args)

    async def _quotes_needlessly(self, data: Mapping[str, object]) -> bool:
        chat_id, quoted = data.get("chat_id"), data.get("reply_parameters")
        # A question's reply field opens for those whose message it quotes. Numbers of groups are negative.
        if not isinstance(quoted, ReplyParameters) or isinstance(data.get("reply_markup"), ForceReply):
            return False
        if not isinstance(chat_id, int) or chat_id < 0 or quoted.chat_id is not None:
            return False
        try:
            return await asyncio.to_thread(self._is_clear, chat_id, quoted.message_id)
        except StoreAway:
            return False
