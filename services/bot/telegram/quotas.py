"""How many messages may be sent to a chat, and by the bot in all, and when there is room for the next."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

LEAST_S = 0.001  # a wait that isn't over yet, whatever the rounding
SECOND = 1.0 + LEAST_S
COUNTED_WITHIN_S = 5.0  # so long a call may take before Telegram counts it: one that hangs keeps no place for ever


@dataclass(frozen=True, slots=True)
class Quota:
    """So many messages at once, and so many a second after them.

    What somebody waits for may be ``burst`` more, until Telegram refuses one: in private chats it tolerates bursts, but
    does not say of how many.
    """

    most: int
    per_s: float
    burst: int = 0


PRIVATE = Quota(3, 1.0, burst=300)  # thirty albums
GROUP = Quota(20, 20 / 60)


class Line:
    """Lets one after the other wait for room, in the order in which they came.

    Attributes:
        waiting: Messages in the line.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def in_line(self, count: int) -> AsyncIterator[None]:
        """Wait for one's turn to wait for room for so many messages."""
        self.waiting += count
        try:
            async with self._lock:
                yield
        finally:
            self.waiting -= count


class Bucket(Line):
    """What is left of a quota.

    It never holds more than fits beside the calls that are under way: Telegram counts a call somewhere between its
    beginning and its answer, so that no delay on the way lets it count more than we did.
    """

    def __init__(self, quota: Quota) -> None:
        super().__init__()
        self.quota = quota
        self._burst = quota.burst
        self._left = float(quota.most)
        self._at = 0.0  # it is full, whenever it is looked at first
        self._under_way = 0

    def lacks_s(self, count: int = 1, *, spare: int = 0) -> float:
        """Seconds until there is room for so many messages and ``spare`` more, if no other call comes first."""
        # What is larger than the quota needs all of it.
        return self._fills_in_s(min(count + spare, self.quota.most))

    def lets_in_s(self, count: int) -> float:
        """Seconds until there is room for so many messages that somebody waits for."""
        return self._fills_in_s(min(count, self.quota.most) - self._burst)

    def line_s(self, count: int) -> float:
        """Seconds until those in the line, and so many messages more, have had room."""
        return self._fills_in_s(self.waiting + count - self._burst)

    def refused(self) -> None:
        """Take note that Telegram tolerates no more: from now on the quota holds, until the chat is quiet."""
        self._burst = 0
        self._left = min(self._now_left(), 0.0)

    def _fills_in_s(self, count: int) -> float:
        missing = count - self._now_left()
        return max(missing / self.quota.per_s, LEAST_S) if missing > 0 else 0.0

    def _now_left(self) -> float:
        now = _now()
        filled = self._left + (now - self._at) * self.quota.per_s
        self._left, self._at = min(filled, self.quota.most - self._under_way), now
        return self._left

    def begin(self, count: int) -> None:
        """Count messages that are being sent."""
        self._left = self._now_left() - count
        self._under_way += count

    def end(self, count: int) -> None:
        """Take note of Telegram's answer."""
        self._now_left()
        self._under_way -= count

    @property
    def is_sending(self) -> bool:
        """Whether Telegram's answer to something is still awaited."""
        return self._under_way > 0

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is left of what was sent."""
        return not self.waiting and self._now_left() >= self.quota.most


@dataclass(slots=True)
class Place:
    """What a call under way takes of a window."""

    count: int
    begun_at: float


class Window(Line):
    """The messages of the last second, of which no second may have more than ``most``.

    Telegram counts a call somewhere between its beginning and its answer. So a call has its places from the beginning
    until a second after the answer: all that are counted within a second have places at the same moment, whatever the
    delays. One that hangs for longer than ``COUNTED_WITHIN_S`` and a second gives its places back, and has them again
    for a second from its answer. While the window is more than two thirds full, calls are spread evenly, so that they
    do not slow each other.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self._under_way: dict[int, Place] = {}
        self._answered: deque[tuple[float, int]] = deque()  # until when, and how many
        self._next_at = 0.0  # when a call may begin, while calls are spread
        self._news = asyncio.Event()

    def lacks_s(self, count: int = 1, *, spare: int = 0) -> float:
        """Seconds until there is room for so many messages and ``spare`` more, if no other call comes first.

        It may take longer: that calls under way are answered now is the best that can happen.
        """
        now = _now()
        frees = self._frees(now)
        # What is larger than the window needs all of it.
        missing = sum(places for _, places in frees) + min(count + spare, self.most) - self.most
        if missing <= 0:
            return max(self._next_at - now, 0.0)
        for at, places in frees:
            missing -= places
            if missing <= 0:
                return max(at - now, LEAST_S)
        raise AssertionError("the whole window is room enough")

    async def room(self, count: int) -> None:
        """Wait until there is room for so many messages."""
        while wait := self.lacks_s(count):
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    def begin(self, count: int) -> Place:
        """Count messages that are being sent."""
        now = _now()
        place = Place(count, now)
        self._under_way[id(place)] = place
        taken = sum(places for _, places in self._frees(now))
        self._next_at = max(self._next_at, now) + count / self.most if 3 * taken > 2 * self.most else now
        return place

    def end(self, place: Place) -> None:
        """Take note of Telegram's answer."""
        del self._under_way[id(place)]
        # A network that comes back delivers at once what it held up: also what had no place any more.
        self._answered.append((_now() + SECOND, place.count))
        self._news.set()

    def _frees(self, now: float) -> list[tuple[float, int]]:
        """When places become free, the soonest first, and how many."""
        while self._answered and self._answered[0][0] <= now:
            self._answered.popleft()
        under_way = (
            (min(now, place.begun_at + COUNTED_WITHIN_S) + SECOND, place.count) for place in self._under_way.values()
        )
        return sorted(free for free in (*self._answered, *under_way) if free[0] > now)


def _now() -> float:
    return asyncio.get_running_loop().time()
