"""Tells those who watch the chats what happens there, as server-sent events."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sandbox.journal import Changes

KEPT_EVENTS = 5_000
HEARTBEAT_S = 15


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a chat; ``seen_by`` are user ids."""

    id: int
    body: dict[str, Any]
    seen_by: frozenset[int]

    def is_seen_by(self, user_id: int | None) -> bool:
        return user_id is None or user_id in self.seen_by


class Events:
    """The newest events, and those who listen."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._ids = itertools.count(1)
        self._kept: deque[Event] = deque(maxlen=KEPT_EVENTS)

    @property
    def last_id(self) -> int:
        return self._kept[-1].id if self._kept else 0

    def publish(self, body: dict[str, Any], seen_by: frozenset[int]) -> None:
        self._kept.append(Event(next(self._ids), body, seen_by))
        self._changes.note(body["chat_id"])

    def _after(self, event_id: int) -> list[Event]:
        newer = itertools.takewhile(lambda event: event.id > event_id, reversed(self._kept))
        return list(newer)[::-1]

    async def stream(self, user_id: int | None, after: int | None) -> AsyncIterator[str]:
        """Yield what this user sees (``None``: everything), from event ``after`` or from now on, without end."""
        seen = self.last_id if after is None else after
        yield ": here\n\n"
        while not self._changes.closed:
            count = self._changes.count()
            for event in self._after(seen):
                seen = event.id
                if event.is_seen_by(user_id):
                    yield f"id: {event.id}\ndata: {json.dumps(event.body, ensure_ascii=False)}\n\n"
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._changes.after(count, HEARTBEAT_S * 2)
            except TimeoutError:
                yield ": still here\n\n"
