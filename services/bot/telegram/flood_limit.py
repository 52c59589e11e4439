"""Rate limiter of all calls to Telegram: one budget overall, one for each chat, and flood waits obeyed where they hold.

Telegram asks for at most about 30 messages a second, one a second in a chat and 20 a minute in a group. What counts
is not published; here everything counts that shows in a chat: messages, each picture of an album, edits, drafts and
chat actions. What somebody waits for stands in line; edits, drafts and actions first ask ``room_in_s``, which keeps
places free for the others, and are better left out than late.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Sized
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Protocol, TypeAlias

from telegram.error import ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import BaseRateLimiter

from services.bot.telegram import repeats
from services.bot.telegram.errors import Refusal, refusal_of, says_gone, seconds_to_wait, words_of
from services.bot.telegram.quotas import GROUP, PRIVATE, Bucket, Window
from services.metrics.meters import meters
from shared.errors import StoreAway
from shared.json_types import JsonObject

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 50  # more would only wait in Telegram's own line
MESSAGES_PER_S = 30  # all chats together, as Telegram's FAQ for bots says
TRIES = 3
LONGEST_WAIT_S = 30.0  # what has to wait longer is put back by its sender
ASK_AGAIN_S = 0.1  # where something more important waits
MANY_CHATS = 1_000  # from so many on, those that are quiet are forgotten
MANY_GONE = 10_000  # chats; of more than these the oldest is asked again
SHOWING = ("send", "edit", "copy", "forward")  # how the names of methods begin that show something
ASKED_FOR = ("chat_id", "file_id", "user_id", "inline_message_id")  # one of these may be told to wait for all others
ONCE = 1  # in place of the number of tries: the caller decides what follows a failure
LONGEST_FOR_ANSWER_S = 5.0  # an answer to a press that has to wait longer is left out
NOTED_FROM_S = 5.0  # shorter waits are over before a restart is
QUIETLY = -1  # in place of the number of tries: one try, inside of ``quiet``
QUIET_WITHIN_S = 5.0
LATE_WITHIN_S = 60.0  # so long an edit may take effect after it was given up; Telegram promises nothing

Answer: TypeAlias = bool | JsonObject | list[JsonObject]
Call: TypeAlias = Callable[..., Awaitable[Answer]]


class Kind(Enum):
    """What may be left out, with how many places it leaves free: of all, in a private chat, in a group."""

    EDIT = (6, 1, 8)
    STATUS = (8, 0, 0)
    DRAFT = (10, 1, 8)
    ACTION = (15, 2, 14)


class FloodWaits(Protocol):
    """Where flood waits are written down. Both methods may block."""

    def close(self, key: str, seconds: float) -> None:
        """Note that something is to be left alone for so many seconds."""

    def closed(self) -> dict[str, float]:
        """How many seconds each thing is still to be left alone."""


class FloodLimit(BaseRateLimiter[int]):
    """Lets calls through as the limits allow, obeys ``retry_after``, and repeats what a hiccup has made fail.

    The argument of a call is how often it may be tried where Telegram tells it to wait, 3 by default; with ``ONCE`` it
    is not repeated for any reason.
    """

    def __init__(
        self,
        move: Callable[[int, int], None] | None = None,
        *,
        seen: Callable[[Answer], None] | None = None,
        waits: FloodWaits | None = None,
        messages_per_s: int = MESSAGES_PER_S,
        quiet_within_s: float = QUIET_WITHIN_S,
    ) -> None:
        """Tell ``move`` of a group that has become a supergroup: both ids, the old one first. It may block.

        Args:
            seen: Is told every answer, as Telegram gave it. It must not block.
            waits: Remembers over a restart what Telegram told us to leave alone.
            messages_per_s: In no second more than so many are sent.
            quiet_within_s: So long what is being sent may take before a chat is left for later to be quiet.
        """
        self._move = move
        self._seen = seen
        self._gone: Callable[[int], None] | None = None
        self._gone_chats: dict[int, None] = {}  # the oldest first
        self._waits = waits
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._closed_until: dict[str, float] = {}  # by the key of what is closed
        self._notes: set[asyncio.Task[None]] = set()  # that are being written down
        self._late_edits: dict[tuple[object, object], float] = {}  # by chat and message: until when they may come
        self._overall = Window(messages_per_s)
        self._chats: dict[object, Bucket] = {}
        self._forget_at = MANY_CHATS
        self._quiet_within_s = quiet_within_s

    async def initialize(self) -> None:
        """Nothing to prepare: see ``recall``."""

    async def shutdown(self) -> None:
        """Let what is being written down get there."""
        await asyncio.gather(*self._notes)

    async def recall(self) -> None:
        """Leave alone what the process before this one was told to; call it before the first message.

        Raises:
            StoreAway: The record does not answer.
        """
        closed = await asyncio.to_thread(self._waits.closed) if self._waits is not None else {}
        self._closed_until |= {key: _now() + seconds for key, seconds in closed.items()}

    def tell_of_gone(self, gone: Callable[[int], None]) -> None:
        """Call ``gone`` with the id of a chat to which Telegram lets nothing be sent any more. It may block."""
        self._gone = gone

    def close(self, chat_id: int) -> None:
        """Let nothing more through to a chat that is gone: Telegram would refuse it."""
        self._gone_chats[chat_id] = None
        if len(self._gone_chats) > MANY_GONE:
            del self._gone_chats[next(iter(self._gone_chats))]

    def open(self, chat_id: int) -> None:
        """Let calls through to a chat again, from which something has come."""
        self._gone_chats.pop(chat_id, None)

    def room_in_s(self, chat_id: int, kind: Kind) -> float:
        """Seconds until something that may be left out is welcome in a chat; 0 is now.

        A call to Telegram right after 0, without awaiting anything in between, does not wait.
        """
        spare, in_private, in_group = kind.value
        chat = self._chat(chat_id)
        wait = max(
            self._closed_until.get(str(chat_id), 0.0) - _now(),
            chat.lacks_s(spare=in_private if chat.quota is PRIVATE else in_group),
            self._overall.lacks_s(spare=spare),
        )
        return max(wait, ASK_AGAIN_S) if wait > 0 or chat.waiting or self._overall.waiting else 0.0

    def edit_may_come_s(self, chat_id: int, message_id: int) -> float:
        """Seconds for which an edit that was given up may still take effect, and undo a later one; 0: there is none."""
        return max(self._late_edits.get((chat_id, message_id), 0.0) - _now(), 0.0)

    def is_busy(self, kind: Kind) -> bool:
        """Whether something that may be left out would now take the place of what people wait for, in whatever chat."""
        return self._overall.waiting > 0 or self._overall.lacks_s(spare=kind.value[0]) > 0

    async def process_request(  # noqa: PLR0917 - the library's signature
        self,
        callback: Call,
        args: Sequence[object],
        kwargs: Mapping[str, object],
        endpoint: str,
        data: Mapping[str, object],
        rate_limit_args: int | None,
    ) -> Answer:
        """Call when the chat may be written to.

        Raises:
            RetryAfter: The wait is longer than we hold a call for, or Telegram told us to wait once too often.
            ChatMigrated: The group has another id by now, and all that belongs to it has been moved there.
            Forbidden: The chat is known to be gone, so that Telegram was not asked.
            NetworkError: Telegram did not take the call, or did not answer, as often as it was tried.
        """
        quietly = rate_limit_args == QUIETLY
        count = 0 if quietly else messages_in(endpoint, data)
        tries = _Tries(ONCE if quietly else rate_limit_args or TRIES, for_handler=repeats.is_for_handler())
        if data.get("chat_id") in self._gone_chats:
            refused = Forbidden("the chat is gone")
            await self._tell_if_gone(refused, data["chat_id"])  # Something may have been asked for before it went.
            raise refused
        while True:
            limit_s = repeats.time_limit_s(endpoint, failures=tries.failures, for_handler=tries.for_handler)
            try:
                async with self._place(endpoint, data, count):
                    answer = await _call(partial(callback, *args, **kwargs), limit_s)
            except Refused as error:
                raise RetryAfter(error.seconds) from None
            except TelegramError as error:
                if isinstance(error, TimedOut) and endpoint.startswith("edit"):
                    self._expect_late_edit(data)
                if not await self._is_to_repeat(error, endpoint, data, tries):
                    raise
            else:
                if self._seen is not None:
                    self._seen(answer)
                return answer

    def _expect_late_edit(self, data: Mapping[str, object]) -> None:
        now = _now()
        self._late_edits = {message: until for message, until in self._late_edits.items() if until > now}
        self._late_edits[data.get("chat_id"), data.get("message_id")] = now + LATE_WITHIN_S

    async def _is_to_repeat(
        self, error: TelegramError, endpoint: str, data: Mapping[str, object], tries: "_Tries"
    ) -> bool:
        """Do what follows a failed call, and wait as long as it asks for; whether it is made once more."""
        if isinstance(error, ChatMigrated):
            await self._follow(data.get("chat_id"), error.new_chat_id)
            return False
        if isinstance(error, RetryAfter):
            tries.floods += 1
            return await self._obey(error, endpoint, data) and tries.floods != tries.most
        tries.failures += 1
        pause_s = repeats.pause_s(error, endpoint, failures=tries.failures, for_handler=tries.for_handler)
        if pause_s is None or tries.most == ONCE:
            await self._tell_if_gone(error, data.get("chat_id"))
            return False
        fields = {"endpoint": endpoint, "error": words_of(error), "failures": tries.failures}
        log.info("call repeated", extra=fields)
        await asyncio.sleep(pause_s)
        return True

    async def _follow(self, chat_id: object, new_chat_id: int) -> None:
        log.info("group became a supergroup", extra={"chat_id": chat_id, "new_chat_id": new_chat_id})
        if self._move is not None and isinstance(chat_id, int | str):
            await asyncio.to_thread(self._move, int(chat_id), new_chat_id)

    async def _tell_if_gone(self, error: TelegramError, chat_id: object) -> None:
        if not isinstance(chat_id, int) or refusal_of(error) is not Refusal.CHAT_GONE:
            return
        if says_gone(error):
            self.close(chat_id)
        if self._gone is not None:
            await asyncio.to_thread(self._gone, chat_id)

    async def _obey(self, error: RetryAfter, endpoint: str, data: Mapping[str, object]) -> bool:
        """Leave alone what Telegram told us to; whether the call may be made again in its place."""
        seconds, key, chat_id = seconds_to_wait(error), key_of(endpoint, data), data.get("chat_id")
        meters().flooded(endpoint, seconds)
        log.warning("flood limit met", extra={"chat_id": chat_id, "endpoint": endpoint, "seconds": seconds})
        if key is None:
            if seconds <= LONGEST_FOR_ANSWER_S:
                await asyncio.sleep(seconds)
            return seconds <= LONGEST_FOR_ANSWER_S
        if key == str(chat_id):
            self._chat(chat_id).refused()
        until = _now() + seconds
        if until > self._closed_until.get(key, 0.0):
            self._closed_until[key] = until
            self._note(key, seconds)
        return seconds <= LONGEST_WAIT_S

    def _note(self, key: str, seconds: float) -> None:
        """Write down, without waiting for it, what a restart must not forget."""
        if self._waits is None or seconds < NOTED_FROM_S:
            return
        task = asyncio.create_task(_write(self._waits, key, seconds))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    @asynccontextmanager
    async def _place(self, endpoint: str, data: Mapping[str, object], count: int) -> AsyncIterator[None]:
        """Wait until a call may go, and count it as so many messages.

        Raises:
            Refused: That would take too long.
        """
        key = key_of(endpoint, data)
        if key is None:
            yield
            return
        if not count:
            await self._until_open(key)
            async with self._slots:
                yield
            return
        chat = self._chat(data["chat_id"])
        _check(chat.line_s(count))
        async with chat.in_line(count):
            await self._until_open(key)
            while wait := chat.lets_in_s(count):
                _check(wait)
                await asyncio.sleep(wait)
                await self._until_open(key)
            async with self._overall.in_line(count):
                await self._overall.room(count)
                chat.begin(count)
                place = self._overall.begin(count)
        try:
            async with self._slots:
                yield
        finally:
            chat.end(count)
            self._overall.end(place)

    @asynccontextmanager
    async def quiet(self, chat_id: int) -> AsyncIterator[None]:
        """Let nothing be sent to a chat meanwhile; only calls with ``QUIETLY`` go through.

        Raises:
            RetryAfter: Something was being sent for too long.
        """
        chat = self._chat(chat_id)
        async with chat.in_line(1):
            until = _now() + self._quiet_within_s
            while chat.is_sending:
                if _now() > until:
                    raise RetryAfter(math.ceil(self._quiet_within_s))
                await asyncio.sleep(ASK_AGAIN_S)
            yield

    async def _until_open(self, key: str) -> None:
        # Another call may be told to wait for longer while this one waits.
        while (wait := self._closed_until.get(key, 0.0) - _now()) > 0:
            _check(wait)
            await asyncio.sleep(wait)
        self._closed_until.pop(key, None)

    def _chat(self, chat_id: object) -> Bucket:
        if chat_id not in self._chats:
            if len(self._chats) >= self._forget_at:
                self._chats = {known: chat for known, chat in self._chats.items() if not chat.is_quiet}
                self._forget_at = max(MANY_CHATS, 2 * len(self._chats))
            is_private = isinstance(chat_id, int) and chat_id > 0
            self._chats[chat_id] = Bucket(PRIVATE if is_private else GROUP)
        return self._chats[chat_id]


class Refused(Exception):
    """A call that would have to wait for too long: not Telegram's word, so that it is not taken for it."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def key_of(endpoint: str, data: Mapping[str, object]) -> str | None:
    """What a flood wait closes that a call is told: its chat, else its method. None: nothing, it is never held back.

    What is asked of a chat, a person or a file does not wait for what is sent to the chat, or the other way round, and
    one that Telegram does not let us ask for does not close the method for all others. Pure.
    """
    if endpoint.startswith("answer"):
        return None  # Somebody looks at a button that waits, and soon Telegram takes no answer any more.
    if data.get("chat_id") is not None and not endpoint.startswith("get"):
        return str(data["chat_id"])
    whose = next((data[name] for name in ASKED_FOR if data.get(name) is not None), None)
    return endpoint if whose is None else f"{endpoint} {whose}"


def messages_in(endpoint: str, data: Mapping[str, object]) -> int:
    """How many messages a call counts as."""
    if data.get("chat_id") is None or not endpoint.startswith(SHOWING):
        return 0
    media = data.get("media")
    return len(media) if endpoint == "sendMediaGroup" and isinstance(media, Sized) else 1


def _check(wait: float) -> None:
    if wait > LONGEST_WAIT_S:
        raise Refused(math.ceil(wait))


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class _Tries:
    """How often one call has failed, and how often it may be tried where Telegram tells it to wait."""

    most: int
    for_handler: bool
    floods: int = 0
    failures: int = 0


async def _call(call: Callable[[], Awaitable[Answer]], limit_s: float | None) -> Answer:
    """Call once, for at most so many seconds.

    Raises:
        NetworkError: The answer is none of the Bot API's.
        TimedOut: There was no answer in time.
    """
    try:
        async with asyncio.timeout(limit_s):
            return await call()
    except TimeoutError:
        raise TimedOut from None
    except (KeyError, TypeError) as error:
        # So the library meets answers without the fields that each has to have.
        raise NetworkError(f"no answer of the Bot API: {type(error).__name__}") from error
    except TelegramError as error:
        if type(error) is not TelegramError:
            raise
        raise NetworkError("no answer of the Bot API") from error


async def _write(waits: FloodWaits, key: str, seconds: float) -> None:
    try:
        await asyncio.to_thread(waits.close, key, seconds)
    except StoreAway as error:
        log.warning("flood wait not written down", extra={"key": key, "error": str(error)})
