"""Relays an outbox to Telegram: claims what is due and sends it; ``errors.after`` decides what follows a failure."""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from datetime import datetime
from typing import ClassVar, Generic, ParamSpec, Protocol, TypeVar

from telegram.error import TelegramError

from services.bot.telegram.errors import (
    CHATS_OWN,
    MAX_UNKNOWN_TRIES,
    Again,
    ChatGone,
    Refusal,
    Refused,
    Unsure,
    after,
    words_of,
)
from services.bot.telegram.news import wait_for_news
from services.health import Sign
from services.logs import about
from services.metrics.meters import meters
from shared.errors import StoreAway
from shared.jobs import Address

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

COALESCE_S = 0.03  # at least, between two looks: what ends together is claimed together, and what ends alone at once
LOOK_EVERY_S = 2.0  # a wake-up may get lost
STORE_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # between tries to write while the database is away
LEFT_S = 2.0  # until what a store that is away kept back is tried again, the first time; twice as long each time
LONGEST_LEFT_S = 60.0
RENEW_EVERY_S = 20.0  # of a lease of 90 s (shared/store/deliveries.py)


async def record(write: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Write down that Telegram has taken something, or read what that needs, though the database is away for a while.

    What is not written down would be sent once more.

    Raises:
        StoreAway: It was away for half a minute.
    """
    for pause in STORE_AGAIN_S:
        try:
            return await asyncio.to_thread(write, *args, **kwargs)
        except StoreAway as error:
            log.warning("delivery not noted yet", extra={"error": str(error)})
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
    return await asyncio.to_thread(write, *args, **kwargs)


def pause_for_store(tries: int, first_s: float) -> float:
    """Seconds until what a store that is away kept back is tried again; ``tries`` count from 1."""
    return min(first_s * 2.0 ** min(tries - 1, 16), LONGEST_LEFT_S) * random.uniform(0.75, 1.25)


class Numbered(Protocol):
    """What is carried has a number in the record."""

    @property
    def id(self) -> int:
        """That number."""


class Due(Numbered, Protocol):
    """What is delivered: a row of the record."""

    @property
    def address(self) -> Address:
        """The message that asked for it."""

    @property
    def delivery_tries(self) -> int:
        """Tries so far, the present one included."""

    @property
    def ended_at(self) -> datetime | None:
        """When the work ended."""

    @property
    def undelivered_reason(self) -> str | None:
        """Why its delivery was given up."""


T = TypeVar("T", bound=Numbered)
D = TypeVar("D", bound=Due)


class Carrier(ABC, Generic[T]):
    """Claims what is due and carries it out, so many at a time.

    Attributes:
        at_once: So many are on their way at a time.
        finish_s: So long the last ones may take.
        what: Is carried, as logs name its id.
        is_told: Whether this look follows news, not the clock.
    """

    at_once: ClassVar[int]
    finish_s: ClassVar[float]
    what: ClassVar[str]

    def __init__(self) -> None:
        self.is_told = False
        self._news = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._renewed_at = 0.0

    def changed(self) -> None:
        """Take note that the outbox may have something."""
        self._news.set()

    async def empty_outbox(self, sign: Sign) -> None:
        """Bring home whatever ends. Runs until cancelled; ``finish`` waits for what it began."""
        clock = asyncio.get_running_loop().time
        while True:
            self.is_told = self._news.is_set()
            self._news.clear()
            is_more, looked_at = False, clock()
            try:
                await self._keep_leases()
                is_more = await self._begin_some()
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("nothing delivered", extra={"what": self.what, "error": str(error)})
            if not is_more:
                await wait_for_news(self._news, LOOK_EVERY_S)
                await asyncio.sleep(looked_at + COALESCE_S - clock())

    async def finish(self) -> None:
        """Let deliveries under way end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self.finish_s)

    async def _begin_some(self) -> bool:
        """Begin what is due and fits in; whether there may be more."""
        room = self.at_once - len(self._under_way)
        if room <= 0:
            await asyncio.wait(self._under_way, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            return True
        due = await asyncio.to_thread(self._claim, room)
        for one in due:
            task = asyncio.create_task(self._carry(one))
            self._under_way[task] = one.id
            task.add_done_callback(self._ended)
        return len(due) == room

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(task)

    async def _keep_leases(self) -> None:
        """Keep claimed what takes longer than its lease, such as a picture that is sent smaller and smaller."""
        now = asyncio.get_running_loop().time()
        if self._under_way and now - self._renewed_at > RENEW_EVERY_S:
            await asyncio.to_thread(self._renew, list(self._under_way.values()))
            self._renewed_at = now

    async def _carry(self, one: T) -> None:
        try:
            with about(**self._fields(one)):
                await self._deliver(one)
        except StoreAway as error:
            log.warning("delivery left for later", extra=self._fields(one) | {"error": str(error)})
        except Exception:
            # The delivery's outer door: the lease runs out, and somebody tries again.
            log.exception("delivery failed unexpectedly", extra=self._fields(one))

    def _fields(self, one: T) -> dict[str, object]:
        return {f"{self.what}_id": one.id}

    @abstractmethod
    def _claim(self, limit: int) -> list[T]:
        """Claim what is due, at most so many. Blocks."""

    def _renew(self, ids: Collection[int]) -> None:
        """Keep what is being delivered claimed, where it may take longer than its lease. Blocks."""

    @abstractmethod
    async def _deliver(self, one: T) -> None:
        """Deliver one, and note that it was delivered, or when to try again."""


class OutboxRelay(Carrier[D]):
    """Delivers what people wait for: what Telegram does not take is tried again within bounds, or visibly given up."""

    def __init__(self, *, left_s: float = LEFT_S) -> None:
        """Leave what a store that is away kept back for so many seconds, the first time."""
        super().__init__()
        self._left_s = left_s

    async def _deliver(self, one: D) -> None:
        try:
            await self._send_or_end(one)
            if one.undelivered_reason is None:
                meters().delivered(self.what, "sent", ended_at=one.ended_at)
        except TelegramError as error:
            await self._failed(one, error)
        except StoreAway as error:
            await self._leave(one, error)
        except Exception as error:
            if one.delivery_tries < MAX_UNKNOWN_TRIES:
                raise
            await self._give_up(one, Refusal.UNKNOWN, type(error).__name__)

    async def _leave(self, one: D, error: StoreAway) -> None:
        """Put back what a store that is away kept back; whether it was sent before, the next try finds out.

        Raises:
            StoreAway: That could not be noted for half a minute: the lease runs out.
        """
        seconds = pause_for_store(one.delivery_tries, self._left_s)
        log.warning("delivery left for later", extra=self._fields(one) | {"error": str(error)})
        await record(self._may_be_sent, one, seconds)
        self._look_in(seconds)

    async def _failed(self, one: D, error: TelegramError) -> None:
        fields = self._fields(one) | {"tries": one.delivery_tries, "error": words_of(error)}
        match after(error, tries=one.delivery_tries):
            case Again(seconds):
                meters().delivered(self.what, "put off")
                log.info("delivery put off", extra=fields | {"seconds": round(seconds, 1)})
                await self._again(one, seconds)
            case Unsure(seconds):
                meters().delivered(self.what, "uncertain")
                log.warning("delivery uncertain", extra=fields | {"seconds": round(seconds, 1)})
                await self._unsure(one, seconds)
            case Refused(reason):
                await self._give_up(one, reason, words_of(error))
            case ChatGone():
                await self._give_up(one, Refusal.CHAT_GONE, words_of(error))

    async def _again(self, one: D, seconds: float) -> None:
        """Put back what Telegram has certainly not taken."""
        await asyncio.to_thread(self._not_sent, one, seconds)
        self._look_in(seconds)

    async def _unsure(self, one: D, seconds: float) -> None:
        """Put back what Telegram may have taken."""
        await asyncio.to_thread(self._may_be_sent, one, seconds)
        self._look_in(seconds)

    def _look_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._news.set)

    async def _give_up(self, one: D, reason: Refusal, words: str) -> None:
        """Record that it will not be delivered, log it, and say so in the chat where that is possible."""
        meters().delivered(self.what, "given up")
        level = logging.WARNING if reason in CHATS_OWN else logging.ERROR
        log.log(level, "delivery given up", extra=self._fields(one) | {"reason": str(reason), "error": words})
        await self._end(await asyncio.to_thread(self._record_refusal, one, reason))

    def _fields(self, one: D) -> dict[str, object]:
        return {f"{self.what}_id": one.id, "chat_id": one.address.chat_id}

    @abstractmethod
    async def _send_or_end(self, one: D) -> None:
        """Send one and record that it was sent, or end the delivery of one that was given up.

        Raises:
            TelegramError: It was not sent, or nobody knows.
        """

    @abstractmethod
    def _not_sent(self, one: D, seconds: float) -> None:
        """Record that it was not sent, and is to be tried again in so many seconds. Blocks."""

    @abstractmethod
    def _may_be_sent(self, one: D, seconds: float) -> None:
        """Record that it may have been sent, and is to be looked at again in so many seconds. Blocks."""

    @abstractmethod
    def _record_refusal(self, one: D, reason: Refusal) -> D:
        """Record that its delivery is given up; returns it as it is now. Blocks."""

    @abstractmethod
    async def _end(self, one: D) -> None:
        """End a delivery that was given up: say so in the chat, take its status message away."""
