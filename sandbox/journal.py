"""Remembers every request that the services received, without secrets and without file bytes."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bodies import Body, UnreadableBody

KEPT_ENTRIES = 50_000
LONGEST_TEXT = 10_000  # characters; a picture in base64 is longer, a prompt or a message shorter

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-key",
        "x-telegram-bot-api-secret-token",
    }
)
SECRET_FIELDS = frozenset({"key", "provider_token", "secret_token", "token"})
_BOT_TOKEN = re.compile(r"(/bot\d+)(?::|%3[aA])[^/?]+")


def mask(secret: str) -> str:
    """Make a secret unreadable but comparable: equal secrets have equal masks."""
    return f"***{hashlib.sha256(secret.encode()).hexdigest()[:8]}"


def mask_path(path: str) -> str:
    """Hide the bot token in a path: ``/bot123:***/sendMessage``."""
    return _BOT_TOKEN.sub(r"\1:***", path)


def mask_header(name: str, value: str) -> str:
    """Hide the secret of a header, keeping its scheme: ``Bearer ***1a2b3c4d``."""
    if name not in SECRET_HEADERS:
        return value
    scheme, _, secret = value.rpartition(" ")
    return f"{scheme} {mask(secret)}".strip()


def describe_body(body: Body | UnreadableBody) -> Any:
    """Tell what a body said: values as they are, files by name and size, secrets masked."""
    if isinstance(body, UnreadableBody):
        return {"unreadable": str(body)}
    files = {
        name: {"file": upload.name, "bytes": len(upload.content), "type": upload.media_type}
        for name, upload in body.uploads.items()
    }
    if body.values is None:
        return files.get("")
    values = _describe(body.values)
    return values | files if isinstance(values, dict) else values


def _describe(value: Any) -> Any:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            return f"{value[:100]}… ({len(value)} characters)"
        case dict():
            return {
                key: mask(item) if key in SECRET_FIELDS and isinstance(item, str) and item else _describe(item)
                for key, item in value.items()
            }
        case list():
            return [_describe(item) for item in value]
        case _:
            return value


@dataclass(slots=True)
class Entry:
    """One request; times are Unix seconds, ``status`` stays ``None`` when no answer was sent."""

    id: int
    service: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    at: float
    status: int | None = None
    done_at: float | None = None
    fault: int | None = None  # the id of the fault that struck it


class _Bell:
    """Counts its own ringing; those who wait hear the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.count += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def next(self) -> None:
        await self._rung.wait()


class Changes:
    """Counts what happened in the sandbox and in each chat, so that a watcher can wait for the next thing.

    A hundred watchers of a hundred chats would wake one another all the time if all heard all.
    """

    def __init__(self) -> None:
        self.closed = False
        self._everything = _Bell()
        self._chats: defaultdict[int, _Bell] = defaultdict(_Bell)

    def count(self, chat_id: int | None = None) -> int:
        return self._bell(chat_id).count

    def _bell(self, chat_id: int | None) -> _Bell:
        return self._everything if chat_id is None else self._chats[chat_id]

    def note(self, chat_id: int | None = None) -> None:
        """Something happened, perhaps in a chat: wake those who wait for that."""
        self._everything.ring()
        if chat_id is not None:
            self._chats[chat_id].ring()

    def close(self) -> None:
        """Let all waiting go home; from now on nobody waits."""
        self.closed = True
        for bell in (self._everything, *self._chats.values()):
            bell.ring()

    async def after(self, count: int, timeout_s: float, chat_id: int | None = None) -> int:
        """Wait until more than ``count`` things have happened, ``timeout_s`` at most; returns the count."""
        bell = self._bell(chat_id)
        if bell.count <= count and not self.closed:
            try:
                async with asyncio.timeout(timeout_s):
                    await bell.next()
            except TimeoutError:
                pass
        return bell.count


class Journal:
    """The requests in the order in which they had been read."""

    def __init__(self, changes: Changes) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT_ENTRIES)
        self._ids = itertools.count(1)
        self._changes = changes

    def open(
        self,
        service: str,
        *,
        method: str,
        path: str,
        query: str,
        headers: list[tuple[str, str]],
        body: Body | UnreadableBody,
    ) -> Entry:
        """Write down a request that has just been read."""
        entry = Entry(
            id=next(self._ids),
            service=service,
            method=method,
            path=mask_path(path),
            query={
                name: mask(value) if name in SECRET_FIELDS else value
                for name, value in parse_qsl(query, keep_blank_values=True)
            },
            headers={name: mask_header(name, value) for name, value in headers},
            body=describe_body(body),
            at=time.time(),
        )
        self.entries.append(entry)
        self._changes.note()
        return entry

    def close(self, entry: Entry, status: int | None) -> None:
        """Write down how the request ended."""
        entry.status = status
        entry.done_at = time.time()
        self._changes.note()

    def select(self, *, service: str | None = None, path: str | None = None, after: int = 0) -> list[Entry]:
        """Find entries by service, by a regular expression in the path, and by id."""
        pattern = re.compile(path) if path else None
        return [
            entry
            for entry in self.entries
            if entry.id > after
            and (service is None or entry.service == service)
            and (pattern is None or pattern.search(entry.path))
        ]


def routes(journal: Journal, changes: Changes) -> list[Route]:
    """``/journal``, and ``/changes`` to wait for the next thing that happens."""

    async def read(request: Request) -> Response:
        asked = request.query_params
        found = journal.select(service=asked.get("service"), path=asked.get("path"), after=int(asked.get("after", "0")))
        return JSONResponse([asdict(entry) for entry in found])

    async def empty(_: Request) -> Response:
        journal.entries.clear()
        return JSONResponse({})

    async def wait(request: Request) -> Response:
        asked = request.query_params
        timeout_s = min(float(asked.get("timeout_s", "10")), 60.0)
        chat_id = int(asked["chat"]) if "chat" in asked else None
        count = await changes.after(int(asked.get("after", "-1")), timeout_s, chat_id)
        return JSONResponse({"count": count})

    return [
        Route("/journal", read, methods=["GET"]),
        Route("/journal", empty, methods=["DELETE"]),
        Route("/changes", wait, methods=["GET"]),
    ]
