"""A bot's update queue: confirmed by offset, fetched by long polling or pushed to a webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.clock import Clock
from sandbox.telegram.errors import conflict

LONGEST_POLL_S = 50
FORCED_POLL_S = 3  # the same offset again within this time waits at least so long
HASTY_POLL_S = 0.5  # the same offset again within this time gets one update at most

DAY_S = 24 * 60 * 60
RETENTION_S = {"callback_query": 150, "shipping_query": 150, "pre_checkout_query": 150, "inline_query": 30}
ONLY_WHEN_ASKED_FOR = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_IS_SET = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass(frozen=True, slots=True)
class Update:
    """One update; ``lane`` is the chat or user within which the order is kept."""

    id: int
    kind: str
    payload: dict[str, Any]
    lane: int
    expires_at: float

    def as_json(self) -> dict[str, Any]:
        return {"update_id": self.id, self.kind: self.payload}


class UpdateQueue:
    """What a bot has not confirmed yet."""

    def __init__(self, clock: Clock, first_id: int) -> None:
        self.allowed: frozenset[str] | None = None
        self.repeats_are_slowed = False
        self._clock = clock
        self._next_id = first_id
        self._updates: dict[int, Update] = {}
        self._added = asyncio.Event()
        self._poll: asyncio.Future[str] | None = None
        self._last_offset: int | None = None
        self._last_poll_at = 0.0
        self._closed = False
        self._held = False

    def __len__(self) -> int:
        self._forget_the_expired()
        return len(self._updates)

    @property
    def pending(self) -> list[Update]:
        """The unconfirmed updates that the bot may have, oldest first."""
        self._forget_the_expired()
        return [] if self._held else list(self._updates.values())

    def hold(self, held: bool) -> None:
        """Keep updates back, or send them, together with all that came meanwhile."""
        self._held = held
        self._wake()

    def wants(self, kind: str) -> bool:
        """Whether the bot asked for updates of this kind."""
        return kind in self.allowed if self.allowed else kind not in ONLY_WHEN_ASKED_FOR

    def allow(self, kinds: Iterable[str] | None) -> None:
        """Choose the kinds of updates; ``None`` leaves the choice as it was, an empty one is the default."""
        if kinds is not None:
            self.allowed = frozenset(kinds) or None

    def add(self, kind: str, payload: dict[str, Any], lane: int) -> int | None:
        """Append an update; returns its id, or ``None`` when the bot didn't ask for its kind."""
        if not self.wants(kind):
            return None
        update_id = self._next_id
        self._next_id += 1
        expires_at = self._clock.time() + RETENTION_S.get(kind, DAY_S)
        self._updates[update_id] = Update(update_id, kind, payload, lane, expires_at)
        self._wake()
        return update_id

    def remove(self, update_id: int) -> None:
        """A webhook has taken this one."""
        self._updates.pop(update_id, None)

    def drop_all(self) -> None:
        self._updates.clear()

    def added(self) -> Awaitable[object]:
        """What to await for the next thing that happens to the queue, counted from this call."""
        return self._added.wait()

    def close(self) -> None:
        """The sandbox ends: pollers go home with nothing."""
        self._closed = True
        self._wake()

    def end_poll(self, reason: str) -> None:
        """Answer a waiting poller 409."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(reason)

    async def poll(self, *, offset: int, limit: int, timeout_s: int) -> list[dict[str, Any]]:
        """``getUpdates``: confirm what lies before the offset, then answer or wait for the next update.

        Raises:
            ApiError: 409 for the older of two pollers.
        """
        timeout_s, limit = self._slow_down(offset, timeout_s, limit)
        self._confirm(offset)
        self.end_poll(OTHER_POLLER)
        found = self._from(offset, limit)
        if found or timeout_s == 0:
            return found

        self._poll = ended = asyncio.get_running_loop().create_future()
        end = asyncio.get_running_loop().time() + timeout_s
        while not found and not self._closed and (left := end - asyncio.get_running_loop().time()) > 0:
            added = asyncio.ensure_future(self._added.wait())
            await asyncio.wait([added, ended], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            added.cancel()
            if ended.done():
                raise conflict(ended.result())
            found = self._from(offset, limit)
        if self._poll is ended:
            self._poll = None
        return found

    def _slow_down(self, offset: int, timeout_s: int, limit: int) -> tuple[int, int]:
        since_s = self._clock.time() - self._last_poll_at
        if self.repeats_are_slowed and offset == self._last_offset:
            if since_s < FORCED_POLL_S:
                timeout_s = max(timeout_s, FORCED_POLL_S)
            if since_s < HASTY_POLL_S:
                limit = 1
        self._last_offset = offset
        self._last_poll_at = self._clock.time()
        return timeout_s, limit

    def _confirm(self, offset: int) -> None:
        self._forget_the_expired()
        if offset < 0:
            confirmed = list(self._updates)[:offset]
        else:
            confirmed = [update_id for update_id in self._updates if update_id < offset]
        for update_id in confirmed:
            del self._updates[update_id]

    def _from(self, offset: int, limit: int) -> list[dict[str, Any]]:
        found = [update for update in self.pending if offset < 0 or update.id >= offset]
        return [update.as_json() for update in found[:limit]]

    def _forget_the_expired(self) -> None:
        now = self._clock.time()
        for update in [update for update in self._updates.values() if update.expires_at <= now]:
            del self._updates[update.id]

    def _wake(self) -> None:
        self._added.set()
        self._added = asyncio.Event()
