"""outbox → chats: whatever is due is claimed and brought home, so many at a time."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol, TypeVar

from services.bot.telegram.news import wait_for_news
from services.health import Sign
from shared.errors import StoreAway

log = logging.getLogger(__name__)

COALESCE_S = 0.03  # what ends together is claimed together
LOOK_EVERY_S = 2.0  # a wake-up may get lost


class Numbered(Protocol):
    """What is carried has a number in the record."""

    @property
    def id(self) -> int:
        """That number."""


T = TypeVar("T", bound=Numbered)


class Carrier(ABC, Generic[T]):
    """Empties an outbox.

    Attributes:
        at_once: So many are on their way at a time.
        finish_s: So long the last ones may take.
        what: Is carried, as logs name its id.
    """

    at_once: ClassVar[int]
    finish_s: ClassVar[float]
    what: ClassVar[str]

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def changed(self) -> None:
        """Take note that the outbox may have something."""
        self._news.set()

    async def empty_outbox(self, sign: Sign) -> None:
        """Bring home whatever ends. Runs until cancelled; ``finish`` waits for what it began."""
        while True:
            self._news.clear()
            found = 0
            try:
                found = await self._begin_some()
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("nothing delivered", extra={"what": self.what, "error": str(error)})
            if not found:
                await wait_for_news(self._news, LOOK_EVERY_S)
                await asyncio.sleep(COALESCE_S)

    async def finish(self) -> None:
        """Let deliveries under way end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self.finish_s)

    async def _begin_some(self) -> int:
        room = self.at_once - len(self._under_way)
        if room <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return 1
        due = await asyncio.to_thread(self._claim, room)
        for one in due:
            task = asyncio.create_task(self._carry(one))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(due)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._news.set()

    async def _carry(self, one: T) -> None:
        try:
            await self._deliver(one)
        except StoreAway as error:
            log.warning("delivery left for later", extra={f"{self.what}_id": one.id, "error": str(error)})
        except Exception:
            # The delivery's outer door: the lease runs out, and somebody tries again.
            log.exception("delivery failed unexpectedly", extra={f"{self.what}_id": one.id})

    @abstractmethod
    def _claim(self, most: int) -> list[T]:
        """Claim what is due, at most so many. Blocks."""

    @abstractmethod
    async def _deliver(self, one: T) -> None:
        """Bring one home, and note that it was, or when to try again."""
