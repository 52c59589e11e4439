"""fetch → annotate → redact keys → commit → hand over → confirm: the way of updates from Telegram to the handlers.

Telegram forgets an update as soon as it is asked for the ones after it, and handlers keep theirs in memory only. So
every update is in the database before the next request confirms it, but for those of ``fleeting``. No failure ends
the polling; what follows from each is decided in ``poll_failures``.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from telegram import Bot, Update
from telegram.error import TelegramError

from services.bot.intake.annotations import Annotator, Notes
from services.bot.intake.fleeting import is_fleeting, newest_fleeting
from services.bot.intake.key_redaction import redact_update
from services.bot.intake.outage_notice import OutageNotice
from services.bot.intake.poll_failures import (
    CERTAIN_AFTER_S,
    Failure,
    Next,
    Nonsense,
    NotKept,
    Unreachable,
    after,
    kind_of,
)
from services.bot.intake.raw_api import CallFailed, RawApi
from services.health import Sign
from services.retrying import FIRST_PAUSE_S, Outage, jittered
from shared.errors import StoreAway
from shared.json_types import JsonObject, JsonValue, inside, whole_number
from shared.key_cipher import KeyCipher
from shared.settings import SettingsError
from shared.store.updates import RawUpdate, Updates

log = logging.getLogger(__name__)

MOST = 2**63 - 1
NUMBERS = {"date", "message_id", "message_thread_id"}  # keys of whole numbers
NUMBERED = {"chat", "from", "sender_chat"}  # keys of what has a whole number as its id
UNKNOWN_BOT = "Telegram doesn't know this TELEGRAM_BOT_TOKEN: ask @BotFather for a new one."


@dataclass(frozen=True, slots=True)
class Pace:
    """How the poller spends its time; in seconds.

    Attributes:
        poll_s: Telegram waits for so long for an update before it answers that there is none; at most 50.
        least_poll_s: Between two requests that bring nothing, should a server not wait at all.
        breath_s: Between two signs of life in a long pause.
        goodbye_s: For the last request.
        certain_after_s: So long a refusal lasts that is no mistake of Telegram's.
        first_pause_s: After a first failure; twice as long after each further one.
    """

    poll_s: int = 30
    least_poll_s: float = 1.0
    breath_s: float = 30.0
    goodbye_s: float = 2.0
    certain_after_s: float = CERTAIN_AFTER_S
    first_pause_s: float = FIRST_PAUSE_S


USUAL = Pace()


class Poller:
    """Asks Telegram for updates, one request after the other."""

    def __init__(
        self,
        api: RawApi,
        updates: Updates,
        cipher: KeyCipher,
        annotator: Annotator,
        *,
        bot: Bot,
        kinds: Sequence[str],
        hand_over: Callable[[Update], None],
        sign: Sign,
        notice: OutageNotice,
        pace: Pace = USUAL,
    ) -> None:
        """Ask for updates of these ``kinds``, keep them in ``updates``, and call ``hand_over`` with each new one."""
        self._api = api
        self._annotator = annotator
        self._updates = updates
        self._cipher = cipher
        self._bot = bot
        self._kinds = list(kinds)
        self._hand_over = hand_over
        self._sign = sign
        self._notice = notice
        self._pace = pace
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
                async with asyncio.timeout(self._pace.goodbye_s):
                    await self._api.call("getUpdates", offset=self._offset, timeout=0, limit=1)
        except (CallFailed, TimeoutError):
            log.info("last updates not confirmed: they will come again, and are known then")
        finally:
            await self._api.close()

    async def _poll(self) -> None:
        begun, poll_s = asyncio.get_running_loop().time(), self._pace.poll_s
        fetched = await self._api.call(
            "getUpdates", takes_s=poll_s, offset=self._offset, timeout=poll_s, allowed_updates=self._kinds
        )
        try:
            notes = await self._annotate(fetched)
            bodies = redacted(fetched, self._cipher, self._bot.id)
            read = {number: parse(number, body, self._bot) for number, body in bodies.items()}
            # What is over in a moment does not wait for the record.
            for update in newest_fleeting(read.values()):
                self._hand_over(update)
            new = await self._commit(bodies, read, notes)
        except StoreAway:
            left = redacted(fetched, self._cipher, self._bot.id)
            await self._notice.tell(parse(number, body, self._bot) for number, body in left.items())
            raise
        if bodies:
            self._notice.over()
        for update in new:
            self._hand_over(update)
        self._offset = max(bodies, default=self._offset - 1) + 1  # The next request confirms all below.
        if not bodies:
            await asyncio.sleep(begun + self._pace.least_poll_s - asyncio.get_running_loop().time())

    async def _annotate(self, fetched: JsonValue) -> Notes:
        try:
            return await self._annotator.annotate(fetched)
        except StoreAway:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours there must not keep updates away for good
            log.error("updates not annotated", extra={"error": type(error).__name__})  # noqa: TRY400 - no words
            return Notes()

    async def _commit(
        self, bodies: dict[int, JsonObject | None], read: dict[int, Update | None], notes: Notes
    ) -> list[Update]:
        """Write down those updates that are not fleeting; returns those that have to be handled now.

        Raises:
            StoreAway: The database does not answer.
        """
        kept = {number: update for number, update in read.items() if not is_fleeting(update)}
        if not kept:
            return []
        raw = [raw_update(number, bodies[number], notes, readable=bool(update)) for number, update in kept.items()]
        new = await asyncio.to_thread(self._updates.keep, raw, ended=notes.ended)
        return [update for number, update in kept.items() if update is not None and number in new]

    def _decide(self, failure: Failure) -> Next:
        lasting_s = self._outage.failed(kind_of(failure))
        decided = after(
            failure,
            failures=self._outage.failures,
            lasting_s=lasting_s,
            address=self._api.address,
            certain_after_s=self._pace.certain_after_s,
            first_pause_s=self._pace.first_pause_s,
        )
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
                return  # Its program has deleted it.
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
            await asyncio.sleep(min(left, self._pace.breath_s))
            left -= self._pace.breath_s


def redacted(fetched: JsonValue, cipher: KeyCipher, bot_id: int) -> dict[int, JsonObject | None]:
    """The updates of an answer by their numbers, with people's keys sealed: from here on they are written down.

    An update of a shape that can't be redacted is None: it must not keep the others away, and may hold a key.

    Raises:
        CallFailed: The answer is no list of updates.
    """
    numbered: dict[int, JsonObject] = {}
    for one in fetched if isinstance(fetched, list) else [fetched]:
        number = inside(one, "update_id")
        if not isinstance(one, dict) or not isinstance(number, int):
            raise CallFailed(Nonsense("no list of updates"))
        if has_storable_numbers(number):
            numbered[number] = dict(one)
    return {number: _redacted(number, body, cipher, bot_id) for number, body in numbered.items()}


def _redacted(number: int, body: JsonObject, cipher: KeyCipher, bot_id: int) -> JsonObject | None:
    try:
        return redact_update(body, cipher, bot_id)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others go on
        fields = {"update_id": number, "error": type(error).__name__}
        log.error("update can't be redacted, its content is dropped", extra=fields)  # noqa: TRY400 - it may hold a key
        return None


def raw_update(number: int, body: JsonObject | None, notes: Notes, *, readable: bool) -> RawUpdate:
    """An update as it is written down."""
    message = (inside(body, "message") or inside(body, "edited_message")) if readable else None
    return RawUpdate(
        number,
        json.dumps(body),
        readable,
        chat_id=whole_number(inside(message, "chat", "id")) if message else None,
        message_id=whole_number(inside(message, "message_id")) if message else None,
        part_of=notes.part_of.get(number) if readable else None,
    )


def parse(number: int, body: JsonObject | None, bot: Bot) -> Update | None:
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
