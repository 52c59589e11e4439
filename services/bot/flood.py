"""The door of all calls to Telegram: few at a time, a chat told to wait waits alone, a group that moved is followed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from telegram.error import ChatMigrated, RetryAfter
from telegram.ext import BaseRateLimiter

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 50  # more would only wait in Telegram's own line
TRIES = 3
LONGEST_WAIT_S = 30.0  # what has to wait longer is put back by whoever sends


class FloodLimit(BaseRateLimiter[int]):
    """Obeys ``retry_after`` chat by chat; the argument of a call is how often it may be tried, 3 by default."""

    def __init__(self, move: Callable[[int, int], None] | None = None) -> None:
        """Tell ``move`` of a group that has become a supergroup: both ids, the old one first. It may block."""
        self._move = move
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._closed_until: dict[Any, float] = {}

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to clean up."""

    async def process_request(  # noqa: PLR0917 - the library's signature
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Any:
        """Call when the chat may be written to.

        Raises:
            RetryAfter: Telegram's wait is longer than we hold a call for, or came once too often.
            ChatMigrated: The group has another id by now, and all that belongs to it has been moved there.
        """
        chat_id = data.get("chat_id")
        tries = rate_limit_args or TRIES
        for attempt in range(1, tries + 1):
            await self._wait_for(chat_id)
            try:
                async with self._slots:
                    return await callback(*args, **kwargs)
            except ChatMigrated as error:
                log.info("group became a supergroup", extra={"chat_id": chat_id, "new_chat_id": error.new_chat_id})
                if self._move is not None and chat_id is not None:
                    await asyncio.to_thread(self._move, int(chat_id), error.new_chat_id)
                raise
            except RetryAfter as error:
                seconds = _seconds(error)
                log.warning("flood limit met", extra={"chat_id": chat_id, "endpoint": endpoint, "seconds": seconds})
                opens_at = asyncio.get_running_loop().time() + seconds
                self._closed_until[chat_id] = max(opens_at, self._closed_until.get(chat_id, 0.0))
                if attempt == tries or seconds > LONGEST_WAIT_S:
                    raise
        raise AssertionError("the loop above returns or raises")

    async def _wait_for(self, chat_id: Any) -> None:
        now = asyncio.get_running_loop().time
        # Another call may be told to wait for longer while this one waits.
        while (wait := self._closed_until.get(chat_id, 0.0) - now()) > 0:
            if wait > LONGEST_WAIT_S:
                raise RetryAfter(int(wait) + 1)
            await asyncio.sleep(wait)
        self._closed_until.pop(chat_id, None)


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    return float(wait) if isinstance(wait, int) else wait.total_seconds()
