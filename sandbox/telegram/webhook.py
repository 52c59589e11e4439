"""Pushes a bot's updates to its webhook: in order per chat, in parallel between chats, until they arrive."""

from __future__ import annotations

import asyncio
import json
import random
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpx2

from sandbox.telegram import schema
from sandbox.telegram.api import BotApi, Call
from sandbox.telegram.errors import ApiError
from sandbox.telegram.updates import Update

if TYPE_CHECKING:
    from sandbox.telegram.world import Bot, Json, World

ANSWER_TIMEOUT_S = 60
FIRST_PAUSE_S = 2  # after the second failure; the first is repeated at once
LONGEST_RETRY_AFTER_S = 3600
GONE_S = 23 * 60 * 60  # answered 410 for so long, a webhook is removed
REFUSED_IN_ANSWERS = ("get", "setwebhook", "deletewebhook", "close", "logout")


class Webhook:
    """One bot's webhook and the tasks that serve it."""

    def __init__(
        self, world: World, bot: Bot, *, url: str, secret: str, most_connections: int, has_certificate: bool
    ) -> None:
        self.url = url
        self._world = world
        self._bot = bot
        self._secret = secret
        self._most_connections = most_connections
        self._has_certificate = has_certificate
        self._busy_lanes: set[int] = set()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._pusher: asyncio.Task[None] | None = None
        self._last_error: tuple[int, str] | None = None
        self._gone_since: float | None = None
        self._retry_after_s: float | None = None  # what the bot's last refusal asked for

    def describe(self) -> Json:
        """The webhook's part of ``getWebhookInfo``."""
        info: Json = {
            "url": self.url,
            "has_custom_certificate": self._has_certificate,
            "max_connections": self._most_connections,
            "ip_address": "127.0.0.1",
        }
        if self._last_error is not None:
            info["last_error_date"], info["last_error_message"] = self._last_error
        return info

    def start(self) -> None:
        self._pusher = asyncio.create_task(self._push())

    def stop(self) -> None:
        for task in [*self._deliveries, *([self._pusher] if self._pusher else [])]:
            task.cancel()

    async def _push(self) -> None:
        # Our own machines may show their own certificates: whose they are is not what is tested here.
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=ANSWER_TIMEOUT_S) as client:
            while True:
                self._send_what_may_go(client)
                changes = asyncio.ensure_future(self._bot.updates.added())
                await asyncio.wait([changes, *self._deliveries], return_when=asyncio.FIRST_COMPLETED)
                changes.cancel()

    def _send_what_may_go(self, client: httpx2.AsyncClient) -> None:
        """Start the oldest update of every chat that has none on its way."""
        for update in self._bot.updates.pending:
            if len(self._busy_lanes) >= self._most_connections:
                return
            if update.lane not in self._busy_lanes:
                self._busy_lanes.add(update.lane)
                task = asyncio.create_task(self._deliver(client, update))
                self._deliveries.add(task)
                task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, client: httpx2.AsyncClient, update: Update) -> None:
        """Post one update until it is taken, expires, or the webhook goes."""
        failures = 0
        try:
            while not await self._post(client, update):
                failures += 1
                await self._world.clock.sleep(self._pause_s(failures))
                if self._world.clock.time() >= update.expires_at:
                    break
            self._bot.updates.remove(update.id)
        finally:
            self._busy_lanes.discard(update.lane)

    def _pause_s(self, failures: int) -> float:
        """None before the first repetition, then 2, 4, 8 … s up to a random 60 to 120, or what the bot asked for."""
        asked_s, self._retry_after_s = self._retry_after_s, None
        if asked_s is not None:
            return min(asked_s, LONGEST_RETRY_AFTER_S)
        if failures == 1:
            return 0
        return min(float(FIRST_PAUSE_S ** (failures - 1)), random.uniform(60, 120))

    async def _post(self, client: httpx2.AsyncClient, update: Update) -> bool:
        if not is_loopback(self.url):
            self._fail("The sandbox delivers to this machine alone")
            return False
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._secret
        try:
            answer = await client.post(
                self.url, content=json.dumps(update.as_json(), ensure_ascii=False).encode(), headers=headers
            )
        except (httpx2.HTTPError, OSError) as error:
            self._fail(str(error) or type(error).__name__)
            return False
        if answer.is_success:
            self._gone_since = None
            await self._run_reply(answer)
            return True
        self._fail(f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        retry_after = answer.headers.get("retry-after", "")
        self._retry_after_s = float(retry_after) if retry_after.isdigit() else None
        self._note_gone(answer.status_code == 410)
        return False

    def _fail(self, message: str) -> None:
        self._last_error = (self._world.clock.date(), message)
        self._world.changes.note()

    def _note_gone(self, is_gone: bool) -> None:
        now = self._world.clock.time()
        if not is_gone:
            self._gone_since = None
            return
        self._gone_since = self._gone_since or now
        if now - self._gone_since >= GONE_S:
            self._bot.webhook = None
            self.stop()

    async def _run_reply(self, answer: httpx2.Response) -> None:
        """The answer may itself be a call, whose result nobody sees."""
        try:
            values: Any = answer.json()
        except ValueError:
            return
        if not isinstance(values, dict) or not isinstance(values.get("method"), str):
            return
        wanted = values.pop("method").lower()
        name = schema.method_names().get(wanted)
        if name is None or wanted.startswith(REFUSED_IN_ANSWERS):
            return
        try:
            await BotApi(self._world).run(Call(self._world, self._bot, name, values, is_json=True))
        except ApiError as error:
            self._fail(error.description)


def is_loopback(url: str) -> bool:
    """Whether a webhook's host is this machine by an address, or by the name that always means it."""
    host = httpx2.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
