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

from services.bot.intake.key_redaction import seal_update
from services.bot.intake.languages import in_language
from services.bot.telegram.transport import Transport
from services.health import Heartbeat
from shared.errors import StoreAway
from shared.secrets import Box
from shared.store.people import People
from shared.store.updates import RawUpdate, Updates

log = logging.getLogger(__name__)

AGAIN_EVERY_S = 15.0
TICK_OFF_EVERY_S = 0.2
LONG_ENOUGH = timedelta(seconds=60)  # an update that is older and unhandled has no handler at work any more
KEEP_FOR = timedelta(days=7)  # Telegram keeps updates for 24 hours; more helps to explain what happened
MOST_AT_ONCE = 10_000


_Application = Application[ExtBot[Any], Any, Any, Any, Any, Any]


class DurableTransport(Transport):
    """Fetches updates, commits them, and only then feeds them to the handlers.

    The library is given nothing but the last one's number, with which it confirms them all: an update that it can't
    parse would keep it asking for the same one for ever.
    """

    def __init__(self, updates: Updates, heartbeat: Heartbeat, box: Box) -> None:
        super().__init__(connections=1)
        self._box = box
        self._updates = updates
        self._heartbeat = heartbeat
        self._application: _Application | None = None

    def feed(self, application: _Application) -> None:
        """Name the application whose handlers get the updates."""
        self._application = application

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Do what the parent does, with updates written down in between.

        Raises:
            NetworkError: The updates could not be written down. The library asks for the same ones again, later.
        """
        self._heartbeat.beat()
        status, body = await super().do_request(url, *args, **kwargs)
        if status != 200 or not url.endswith("/getUpdates") or self._application is None:
            return status, body
        bot_id = self._application.bot.id
        try:
            # People's keys are sealed before anything else: from here on updates are written down.
            bodies = {int(one["update_id"]): seal_update(one, self._box, bot_id) for one in _read(body)["result"]}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NetworkError("getUpdates was answered with something else") from error
        readable = {number: parse(one, self._application.bot) for number, one in bodies.items()}
        raw = [RawUpdate(number, json.dumps(one), readable[number] is not None) for number, one in bodies.items()]
        try:
            done = await asyncio.to_thread(self._updates.keep, raw)
        except StoreAway as error:
            raise NetworkError("updates could not be written down") from error
        for number, update in readable.items():
            if update is not None and number not in done:
                self._application.update_queue.put_nowait(update)
        last = [{"update_id": max(bodies)}] if bodies else []
        return status, json.dumps({"ok": True, "result": last}).encode()


def _read(body: bytes) -> Any:
    """The JSON of an answer. Half a surrogate pair, which JSON can spell and no text can hold, becomes ``?``."""
    return json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace"))


def parse(body: dict[str, Any], bot: Bot) -> Update | None:
    """Read an update as Telegram sent it; None where the library can't."""
    try:
        return Update.de_json(body.copy(), bot)
    except Exception:
        # Whatever it is that the library can't parse: it is written down, and life goes on.
        log.exception("update can't be read", extra={"update_id": body["update_id"]})
        return None


def is_number_only(update: Update) -> bool:
    """Whether this is what the library confirms with, and no update of a person's."""
    return not update.api_kwargs and all(getattr(update, kind) is None for kind in Update.ALL_TYPES)


class DurableApplication(_Application):
    """Ticks every update off when its handlers are through with it."""

    def __init__(self, *, updates: Updates, people: People | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._people = people
        self._updates = updates
        self._in_hand: set[int] = set()
        self._postponed: set[int] = set()
        self._handled: list[int] = []

    async def process_update(self, update: object) -> None:
        """Handle an update once; one that could not be handled for want of a service comes again."""
        if not isinstance(update, Update):
            await super().process_update(update)
            return
        if update.update_id in self._in_hand or is_number_only(update):
            return
        self._in_hand.add(update.update_id)
        try:
            await super().process_update(await self._in_chosen_language(update))
            if update.update_id not in self._postponed:
                self._handled.append(update.update_id)
        finally:
            self._postponed.discard(update.update_id)
            self._in_hand.discard(update.update_id)

    async def _in_chosen_language(self, update: Update) -> Update:
        user = update.effective_user
        if user is None or self._people is None:
            return update
        try:
            chosen = await asyncio.to_thread(self._people.preferences, user.id)
        except StoreAway:
            return update  # The handler meets the same, and decides what follows.
        return in_language(update, chosen.language, self.bot)

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
