"""update → committed → handlers; and again what was not handled.

Telegram forgets an update as soon as it is asked for the next one, and the library keeps it in memory only. So every
update is committed between Telegram's answer and the library's first look at it.
"""

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError
from telegram.ext import Application, ExtBot

from services.bot.transport import Transport
from services.health import Heartbeat
from shared.errors import StoreAway
from shared.store.updates import RawUpdate, Updates

log = logging.getLogger(__name__)

AGAIN_EVERY_S = 15.0
TICK_OFF_EVERY_S = 0.2
LONG_ENOUGH = timedelta(seconds=60)  # an update that is older and unhandled has no handler at work any more
KEEP_FOR = timedelta(days=7)  # Telegram keeps updates for 24 hours; more helps to explain what happened
MOST_AT_ONCE = 10_000


_Application = Application[ExtBot[Any], Any, Any, Any, Any, Any]


class DurableTransport(Transport):
    """Fetches updates, and commits them before anybody else sees them."""

    def __init__(self, updates: Updates, heartbeat: Heartbeat) -> None:
        super().__init__(connections=1)
        self._updates = updates
        self._heartbeat = heartbeat

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Do what the parent does, with updates written down in between.

        Raises:
            NetworkError: The updates could not be written down. The library asks for the same ones again, later.
        """
        self._heartbeat.beat()
        status, body = await super().do_request(url, *args, **kwargs)
        if status != 200 or not url.endswith("/getUpdates"):
            return status, body
        try:
            updates = [_raw(one) for one in json.loads(body)["result"]]
        except (ValueError, KeyError, TypeError) as error:
            raise NetworkError("getUpdates was answered with something else") from error
        try:
            done = await asyncio.to_thread(self._updates.keep, updates)
        except StoreAway as error:
            raise NetworkError("updates could not be written down") from error
        return status, _without(done, updates)


def _raw(update: dict[str, Any]) -> RawUpdate:
    body = json.dumps(update)
    try:
        Update.de_json(json.loads(body), None)
    except Exception:
        log.exception("update can't be read", extra={"update_id": update["update_id"]})
        return RawUpdate(update["update_id"], body, readable=False)
    return RawUpdate(update["update_id"], body)


def _without(done: frozenset[int], updates: list[RawUpdate]) -> bytes:
    # What needs no handling keeps its number, so that the next request confirms it; otherwise it would come for ever.
    bodies = [json.dumps({"update_id": one.update_id}) if one.update_id in done else one.body for one in updates]
    return f'{{"ok":true,"result":[{",".join(bodies)}]}}'.encode()


class DurableApplication(_Application):
    """Ticks every update off when its handlers are through with it."""

    def __init__(self, *, updates: Updates, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._updates = updates
        self._in_hand: set[int] = set()
        self._postponed: set[int] = set()
        self._handled: list[int] = []

    async def process_update(self, update: object) -> None:
        """Handle an update once; one that could not be handled for want of a service comes again."""
        if not isinstance(update, Update):
            await super().process_update(update)
            return
        if update.update_id in self._in_hand:
            return
        self._in_hand.add(update.update_id)
        try:
            await super().process_update(update)
            if update.update_id not in self._postponed:
                self._handled.append(update.update_id)
        finally:
            self._postponed.discard(update.update_id)
            self._in_hand.discard(update.update_id)

    async def tick_off(self) -> None:
        """Write down which updates were handled since the last time, all in one go.

        Handlers may run twice for what was handled but not ticked off yet when the process was killed.
        """
        done, self._handled = self._handled, []
        if not done:
            return
        try:
            await asyncio.to_thread(self._updates.handled, done)
        except StoreAway:
            self._handled += done
            raise

    def postpone(self, update: Update) -> None:
        """Keep an update from being ticked off: its handler met a failure that time can mend."""
        self._postponed.add(update.update_id)


async def feed_unhandled(updates: Updates, bot: Bot, queue: "asyncio.Queue[object]", *, older_than: timedelta) -> int:
    """Hand the handlers what was written down and not handled, oldest first; returns how many."""
    found = await asyncio.to_thread(updates.unhandled, most=MOST_AT_ONCE, older_than=older_than)
    for raw in found:
        await queue.put(Update.de_json(json.loads(raw.body), bot))
    return len(found)


async def keep_ticking_off(application: DurableApplication) -> None:
    """Tick handled updates off, many at a time. Runs until cancelled."""
    while True:
        await asyncio.sleep(TICK_OFF_EVERY_S)
        try:
            await application.tick_off()
        except StoreAway:
            log.warning("updates not ticked off: the database is away")


async def keep_feeding(updates: Updates, bot: Bot, queue: "asyncio.Queue[object]") -> None:
    """Bring back what was left for later, and forget what is long done. Runs until cancelled."""
    while True:
        await asyncio.sleep(AGAIN_EVERY_S)
        try:
            await feed_unhandled(updates, bot, queue, older_than=LONG_ENOUGH)
            await asyncio.to_thread(updates.forget, older_than=KEEP_FOR)
        except StoreAway:
            log.warning("unhandled updates not looked for: the database is away")
