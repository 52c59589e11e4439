"""fetch → annotate → redact keys → commit → hand over → confirm: the way of updates from Telegram to the handlers.

Telegram forgets an update as soon as it is asked for the ones after it, and handlers keep theirs in memory only. So
every update is in the database before the next request confirms it. No failure ends the polling; what follows from
each is decided in ``poll_failures``.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from telegram import Bot, Update
from telegram.error import TelegramError

from services.bot.intake.annotations import Annotator, Notes
from services.bot.intake.key_redaction import seal_update
from services.bot.intake.poll_failures import Failure, Next, Nonsense, NotKept, Unreachable, after, kind_of
from services.bot.intake.raw_api import CallFailed, RawApi
from services.health import Sign
from services.retrying import Outage, jittered
from shared.errors import StoreAway
from shared.secrets import Box
from shared.settings import SettingsError
from shared.store.updates import RawUpdate, Updates

log = logging.getLogger(__name__)

POLL_S = 30  # Telegram waits for so long for an update before it answers that there is none; at most 50
LEAST_POLL_S = 1.0  # between two requests that bring nothing, should a server not wait at all
BREATH_S = 30.0  # between two signs of life in a long pause
GOODBYE_S = 2.0
MOST = 2**63 - 1
NUMBERS = {"date", "message_id", "message_thread_id"}  # keys of whole numbers
NUMBERED = {"chat", "from", "sender_chat"}  # keys of what has a whole number as its id
UNKNOWN_BOT = "Telegram doesn't know this TELEGRAM_BOT_TOKEN: ask @BotFather for a new one."


class Poller:
    """Asks Telegram for updates, one request after the other."""

    def __init__(
        self,
        api: RawApi,
        updates: Updates,
        box: Box,
        annotator: Annotator,
        *,
        bot: Bot,
        kinds: Sequence[str],
        hand_over: Callable[[Update], None],
        sign: Sign,
    ) -> None:
        """Ask for updates of these ``kinds``, keep them in ``updates``, and call ``hand_over`` with each new one."""
        self._api = api
        self._annotator = annotator
        self._updates = updates
        self._box = box
        self._bot = bot
        self._kinds = list(kinds)
        self._hand_over = hand_over
        self._sign = sign
        self._outage = Outage(log, "Telegram answers again")
        self._offset = 0

    async def connect(self, initialize: Callable[[], Awaitable[None]]) -> None:
        """Wait until Telegram knows the bot and ``initialize`` has asked it what it needs.

        Raises:
            SettingsError: Telegram has refused the token for a minute.
        """
        await self._api.open()
        while True:
            failure = await self._try_to_connect(initialize)
            if failure is None:
                self._outage.succeeded()
                return
            decided = self._decide(failure)
            if decided.token_is_wrong:
                raise SettingsError(UNKNOWN_BOT)
            await self._pause(decided.wait_s)

    async def _try_to_connect(self, initialize: Callable[[], Awaitable[None]]) -> Failure | None:
        try:
            await self._api.call("getMe")
            await initialize()
        except CallFailed as error:
            return error.failure
        except TelegramError as error:
            return Unreachable(type(error).__name__)  # The library's own words may hold the token.
        except Exception as error:  # noqa: BLE001 - the library stumbles over answers that are none in many ways
            return Nonsense(f"what the library can't read: {type(error).__name__}")
        return None

    async def keep_polling(self) -> None:
        """Fetch and hand over. Runs until cancelled."""
        while True:
            try:
                await self._poll()
                self._outage.succeeded()
                self._sign.done()
            except CallFailed as error:
                await self._follow(self._decide(error.failure))
            except StoreAway:
                await self._follow(self._decide(NotKept()))

    async def close(self) -> None:
        """Confirm what was handed over last, so that Telegram does not send it again, and close the connection."""
        try:
            if self._offset:
                async with asyncio.timeout(GOODBYE_S):
                    await self._api.call("getUpdates", offset=self._offset, timeout=0, limit=1)
        except (CallFailed, TimeoutError):
            log.info("last updates not confirmed: they will come again, and are known then")
        finally:
            await self._api.close()

    async def _poll(self) -> None:
        begun = asyncio.get_running_loop().time()
        fetched = await self._api.call(
            "getUpdates", takes_s=POLL_S, offset=self._offset, timeout=POLL_S, allowed_updates=self._kinds
        )
        notes = await self._annotate(fetched)
        bodies = redacted(fetched, self._box, self._bot.id)
        new = await self._commit(bodies, notes)
        for update in new:
            self._hand_over(update)
        self._offset = max(bodies, default=self._offset - 1) + 1  # The next request confirms all below.
        if not bodies:
            await asyncio.sleep(begun + LEAST_POLL_S - asyncio.get_running_loop().time())

    async def _annotate(self, fetched: Any) -> Notes:
        try:
            return await self._annotator.annotate(fetched)
        except StoreAway:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours there must not keep updates away for good
            log.error("updates not annotated", extra={"error": type(error).__name__})  # noqa: TRY400 - no words
            return Notes()

    async def _commit(self, bodies: dict[int, dict[str, Any] | None], notes: Notes) -> list[Update]:
        """Write updates down; returns those that have to be handled now.

        Raises:
            StoreAway: The database does not answer.
        """
        readable = {number: parse(number, body, self._bot) for number, body in bodies.items()}
        raw = [raw_update(number, body, notes, readable=bool(readable[number])) for number, body in bodies.items()]
        new = await asyncio.to_thread(self._updates.keep, raw, ended=notes.ended)
        return [update for number, update in readable.items() if update is not None and number in new]

    def _decide(self, failure: Failure) -> Next:
        lasting_s = self._outage.failed(kind_of(failure))
        decided = after(failure, failures=self._outage.failures, lasting_s=lasting_s, address=self._api.address)
        self._outage.say(decided.level, decided.event, **decided.fields)
        return decided

    async def _follow(self, decided: Next) -> None:
        if decided.delete_webhook:
            await self._delete_webhook()
        await self._pause(decided.wait_s)

    async def _delete_webhook(self) -> None:
        try:
            info = await self._api.call("getWebhookInfo")
            if not (isinstance(info, dict) and info.get("url")):
                return  # Whoever set it has deleted it.
            await self._api.call("deleteWebhook")
        except CallFailed as error:
            log.warning("webhook not deleted yet", extra={"error": str(error.failure)})
            return
        # The host alone: the path of a webhook is often its secret.
        host = urlsplit(str(info["url"])).hostname
        log.warning("webhook deleted: somebody had set one for this bot, and it took the updates", extra={"host": host})

    async def _pause(self, seconds: float) -> None:
        left = jittered(seconds)
        while left > 0:
            self._sign.tried()
            await asyncio.sleep(min(left, BREATH_S))
            left -= BREATH_S


def redacted(fetched: Any, box: Box, bot_id: int) -> dict[int, dict[str, Any] | None]:
    """The updates of an answer by their numbers, with people's keys sealed: from here on they are written down.

    An update of a shape that can't be redacted is None: it must not keep the others away, and may hold a key.

    Raises:
        CallFailed: The answer is no list of updates.
    """
    try:
        numbered = {int(one["update_id"]): dict(one) for one in fetched if has_storable_numbers(one["update_id"])}
    except (TypeError, KeyError, ValueError) as error:
        raise CallFailed(Nonsense("no list of updates")) from error
    return {number: _redacted(number, body, box, bot_id) for number, body in numbered.items()}


def _redacted(number: int, body: dict[str, Any], box: Box, bot_id: int) -> dict[str, Any] | None:
    try:
        return seal_update(body, box, bot_id)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others go on
        fields = {"update_id": number, "error": type(error).__name__}
        log.error("update can't be redacted, its content is dropped", extra=fields)  # noqa: TRY400 - it may hold a key
        return None


def raw_update(number: int, body: dict[str, Any] | None, notes: Notes, *, readable: bool) -> RawUpdate:
    """An update as it is written down."""
    message = (body or {}).get("message") or (body or {}).get("edited_message") or {}
    return RawUpdate(
        number,
        json.dumps(body),
        readable,
        chat_id=message["chat"]["id"] if readable and message else None,
        message_id=message["message_id"] if readable and message else None,
        part_of=notes.part_of.get(number) if readable else None,
    )


def parse(number: int, body: dict[str, Any] | None, bot: Bot) -> Update | None:
    """Read an update as Telegram sent it; None where the library can't."""
    if body is None:
        return None
    if not has_storable_numbers(body):
        log.error("update can't be read: a number in it is beyond 64 bits, or is none", extra={"update_id": number})
        return None
    try:
        return Update.de_json(body.copy(), bot)
    except Exception:
        # An update that the library can't parse is written down, and polling goes on.
        log.exception("update can't be read", extra={"update_id": number})
        return None


def has_storable_numbers(value: object) -> bool:
    """Whether a database takes all whole numbers in this JSON, and what must be one is one.

    Telegram's own have 52 bits at most. The library reads an id of any type.
    """
    match value:
        case bool():
            return True
        case int():
            return -MOST <= value <= MOST
        case dict():
            return all(_is_numbered(key, one) and has_storable_numbers(one) for key, one in value.items())
        case list():
            return all(map(has_storable_numbers, value))
        case _:
            return True


def _is_numbered(key: str, value: object) -> bool:
    if key in NUMBERS:
        return isinstance(value, int)
    return key not in NUMBERED or (isinstance(value, dict) and isinstance(value.get("id"), int))
