"""Takes over what the bot's process before this one was delivering, where that process is certainly dead.

Telegram lets one process poll; a second one may still be ending, or stand still. With Postgres each holds a lock while
it lives: where the lock is another's, claims are left to their leases. Where there are no locks, the start decides.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from shared.errors import StoreAway
from shared.store.process_locks import KEEP_S, Hold, ProcessLock

log = logging.getLogger(__name__)

PATIENCE_S = 5.0  # for a process before this one that is just ending


class Claims(Protocol):
    """What the process that delivers it claims for a while."""

    def release_all(self, bot_id: int) -> None:
        """Free all that is claimed. Blocks."""


class TakeOver:
    """One bot's right to what was claimed before it started."""

    def __init__(self, bot_id: int, lock: ProcessLock, claims: Sequence[Claims]) -> None:
        self._bot_id = bot_id
        self._lock = lock
        self._claims = claims

    async def begin(self, patience_s: float = PATIENCE_S) -> bool:
        """Free what the process before this one held; False where it lives, or may live.

        Raises:
            StoreAway: The database does not answer.
        """
        end = asyncio.get_running_loop().time() + patience_s
        while (hold := await asyncio.to_thread(self._lock.keep)) is Hold.TAKEN:
            if asyncio.get_running_loop().time() >= end:
                log.warning("another process of this bot lives, its deliveries are left to it")
                return False
            await asyncio.sleep(KEEP_S)
        if hold is Hold.AWAY:
            raise StoreAway("no lock could be asked for")
        for one in self._claims:
            await asyncio.to_thread(one.release_all, self._bot_id)
        return True

    async def keep_lock(self) -> None:
        """Hold the lock, which the next process waits for. Runs until cancelled."""
        while True:
            if self._lock.hold is not Hold.IMPOSSIBLE:
                await asyncio.to_thread(self._lock.keep)
            await asyncio.sleep(KEEP_S)

    async def end(self) -> None:
        """Let go of the lock: nothing is being delivered any more."""
        await asyncio.to_thread(self._lock.close)
