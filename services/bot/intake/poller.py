"""update → committed → handlers; and again what was not handled.

Telegram forgets an update as soon as it is asked for the next one, and the library keeps it in memory only. So every
update is committed between Telegram's answer and the library's first look at it.
"""

import asyncio
import json
import logging
from typing import Any

from telegram import Bot, Update
from telegram.error import NetworkError
from telegram.ext import Application, ExtBot

from services.bot.intake.key_redaction import seal_update
from services.bot.telegram.transport import Transport
from services.health import Heartbeat
from shared.errors import StoreAway
from shared.secrets import Box
from shared.store.updates import RawUpdate, Updates

log = logging.getLogger(__name__)


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
