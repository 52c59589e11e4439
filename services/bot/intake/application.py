"""Hands each update to its handler once, records which were handled, and feeds again those that were not."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

from telegram import Bot, Update
from telegram.ext import Application, ExtBot

from services.bot.intake.dispatcher import Dispatcher
from services.bot.intake.failures import give_up, log_dropped, pause_s
from services.bot.intake.fleeting import is_fleeting
from services.bot.intake.joining import whole
from services.bot.intake.languages import in_language
from services.bot.intake.poller import parse
from services.bot.intake.sender_preferences import set_sender_preferences
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.repeats import handling
from services.health import Sign
from services.logs import about
from shared.access import Known
from shared.errors import StoreAway
from shared.preferences import Preferences
from shared.store.people import People
from shared.store.updates import Updates

log = logging.getLogger(__name__)

AGAIN_EVERY_S = 15.0
TICK_OFF_EVERY_S = 0.2  # while there are any
IDLE_LOOK_S = 5.0  # and shows that ticking off still runs
LONG_ENOUGH = timedelta(seconds=60)  # an update that is older and on its way nowhere got lost
MAX_STARTS = 2  # of an update that an earlier process left
APART_S = 10.0  # so long one that may have ended a process keeps others that may have waiting
MAX_AT_ONCE = 10_000


class Gate(Protocol):
    """Decides who is let in."""

    def meet(self, update: Update, /) -> Sequence[Known]:
        """Look up whom an update is from. Blocks.

        Raises:
            StoreAway: That can't be told now.
        """

    async def admits(self, update: Update, met: Sequence[Known], bot: Bot, /) -> bool:
        """Whether the handlers get an update from those who were met; raises as ``meet``."""


_Application = Application[ExtBot[Any], Any, Any, Any, Any, Any]


class DurableApplication(_Application):
    """Handles each update, ticks it off, and tries again later what time can mend.

    An update that was begun in one process and read back from the record by the next may have ended the first one. So
    each further start is counted before the handler runs, and the update is given up when it would be the third.

    Attributes:
        sign: Is told of each update that was handled, and of each look at which there was none to handle.
    """

    def __init__(self, *, updates: Updates, gate: Gate, people: People | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._gate = gate
        self.sign = Sign()
        self._people = people
        self._updates = updates
        self._in_hand: set[int] = set()
        self._handled: list[int] = []
        self._some_over = asyncio.Event()
        # Of updates that failed: seconds until they come again, their timers, and how often they were tried.
        self._postponed: dict[int, float] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tries: dict[int, int] = {}
        # Of updates that an earlier process left: how often they were started again; those whose start ended well.
        self._starts: dict[int, int] = {}
        self._survived: list[int] = []
        self._alone = asyncio.Lock()

    def hand_over(self, update: Update) -> None:
        """Have an update handled, as soon as the update processor lets it; the application has to run."""
        self.create_task(self.update_processor.process_update(update, self.process_update(update)), update=update)

    async def process_update(self, update: object) -> None:
        """Handle an update once; one that met a failure that time can mend comes again."""
        if not isinstance(update, Update):
            await super().process_update(update)
            return
        number = update.update_id
        if number in self._in_hand or number in self._timers:
            return
        self._in_hand.add(number)
        try:
            async with self._apart(number):
                with handling(), about(update_id=number):
                    await self._try(update)
                self._settle(update)
        finally:
            self._in_hand.discard(number)
            self.sign.done()

    async def handle_as_new(self, update: Update) -> None:
        """Let the handlers of new messages have what a handler made of an update that is in hand."""
        await super().process_update(update)

    async def handle_again(self, update: Update) -> None:
        """Let the handlers have a message once more that came earlier, as somebody let in has asked for."""
        await super().process_update(await self._in_chosen_language(update))

    async def _try(self, update: Update) -> None:
        """Let the handlers have an update, all parts of it together, if its sender is let in."""
        try:
            if await self._may_start(update):
                readable, chosen, met = await asyncio.to_thread(self._meet, update)
                if chosen is not None and update.effective_user is not None:
                    set_sender_preferences(update.effective_user.id, chosen)
                if await self._gate.admits(readable, met, self.bot):
                    await super().process_update(await whole(readable, self._updates, self.bot))
        except StoreAway as error:
            if is_fleeting(update):
                log_dropped(update, error)
                return
            log.warning("update left for later", extra={"update_id": update.update_id, "error": str(error)})
            self.postpone(update, pause_s(error, tries=self.tries(update) + 1) or AGAIN_EVERY_S)

    @asynccontextmanager
    async def _apart(self, number: int) -> AsyncIterator[None]:
        """Handle an update alone that may have ended a process, so that no other one is taken for it."""
        if not self._starts.get(number):
            yield
            return
        async with _held(self._alone, APART_S):
            yield
            with contextlib.suppress(StoreAway):
                await self.tick_off()

    async def _may_start(self, update: Update) -> bool:
        """Count a start of an update that an earlier process left; False: it is not started any more.

        Raises:
            StoreAway: It could not be counted, so it is not started now.
        """
        starts = self._starts.get(update.update_id)
        if starts is None:
            return True
        if starts < MAX_STARTS:
            await asyncio.to_thread(self._updates.count_start, update.update_id)
            return True
        await asyncio.to_thread(self._updates.join, update.update_id)  # What goes on with it is over, too.
        await give_up(await self._in_chosen_language(update), self.bot, starts=starts)
        return False

    def _settle(self, update: Update) -> None:
        """Take note of what came of a try."""
        number = update.update_id
        if is_fleeting(update):
            return  # It stands in no record.
        seconds = self._postponed.pop(number, None)
        if seconds is None:
            self._note_handled(number)
            self._tries.pop(number, None)
            self._starts.pop(number, None)
            return
        if self._starts.pop(number, None) is not None:
            self._survived.append(number)
            self._some_over.set()
        self._timers[number] = asyncio.get_running_loop().call_later(seconds, self._feed_again, update)

    def _note_handled(self, number: int) -> None:
        self._handled.append(number)
        self._some_over.set()

    def _feed_again(self, update: Update) -> None:
        self._timers.pop(update.update_id)
        self.hand_over(update)

    def postpone(self, update: Update, seconds: float) -> None:
        """Handle an update again in so many seconds: its handler met a failure that time can mend."""
        self._postponed[update.update_id] = seconds
        self._tries[update.update_id] = self.tries(update) + 1

    def tries(self, update: Update) -> int:
        """How often this process has postponed an update."""
        return self._tries.get(update.update_id, 0)

    async def feed_unhandled(self, *, older_than: timedelta = timedelta(0)) -> int:
        """Hand the handlers what was written down and is in nobody's hands, oldest first; returns how many.

        Raises:
            StoreAway: The record does not answer.
        """
        unhandled = await asyncio.to_thread(self._updates.unhandled, limit=MAX_AT_ONCE, older_than=older_than)
        missing = [number for number in unhandled if not self._has(number)]
        for raw in await asyncio.to_thread(self._updates.read, missing):
            update = parse(raw.update_id, json.loads(raw.body), self.bot)
            # The library may have changed since it was written down, and earlier versions kept what is fleeting.
            if update is None or is_fleeting(update):
                self._note_handled(raw.update_id)
                continue
            self._starts[raw.update_id] = raw.starts
            self.hand_over(update)
        return len(missing)

    def _has(self, number: int) -> bool:
        """Whether an update is on its way in this process."""
        waits = isinstance(self.update_processor, Dispatcher) and self.update_processor.has(number)
        return waits or number in self._in_hand or number in self._timers or number in self._handled

    async def stop(self) -> None:
        """End when the updates under way are handled; those that wait are handled after the next start."""
        if isinstance(self.update_processor, Dispatcher):
            self.update_processor.close()
        for timer in self._timers.values():
            timer.cancel()
        await super().stop()

    def _meet(self, update: Update) -> tuple[Update, Preferences | None, Sequence[Known]]:
        """An update in the language of its sender's choice, their choices, and whom it is from. Blocks."""
        chosen = self._chosen(update)
        readable = update if chosen is None else in_language(update, chosen.language, self.bot)
        return readable, chosen, self._gate.meet(readable)

    def _chosen(self, update: Update) -> Preferences | None:
        user = update.effective_user
        if user is None or self._people is None:
            return None
        try:
            return self._people.preferences(user.id)
        except StoreAway:
            return None  # The handler meets the same, and decides what follows.

    async def _in_chosen_language(self, update: Update) -> Update:
        chosen = await asyncio.to_thread(self._chosen, update)
        return update if chosen is None else in_language(update, chosen.language, self.bot)

    async def tick_off(self) -> None:
        """Write down which updates were handled since the last time, all in one go.

        Handlers may run twice for what was handled but not ticked off yet when the process was killed.
        """
        if not self._in_hand:
            self.sign.done()
        done, self._handled = self._handled, []
        survived, self._survived = self._survived, []
        try:
            if done:
                await asyncio.to_thread(self._updates.handled, done)
            if survived:
                await asyncio.to_thread(self._updates.forget_starts, survived)
        except StoreAway:
            self._handled += done
            self._survived += survived
            raise

    async def keep_ticking_off(self) -> None:
        """Tick handled updates off, many at a time. Runs until cancelled."""
        while True:
            await wait_for_news(self._some_over, IDLE_LOOK_S)
            await asyncio.sleep(TICK_OFF_EVERY_S)
            self._some_over.clear()
            try:
                await self.tick_off()
            except StoreAway as error:
                self._some_over.set()
                log.warning("updates not ticked off", extra={"error": str(error)})

    async def keep_feeding(self) -> None:
        """Bring back what got lost on its way to the handlers. Runs until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_EVERY_S)
            try:
                await self.feed_unhandled(older_than=LONG_ENOUGH)
            except StoreAway as error:
                log.warning("unhandled updates not looked for", extra={"error": str(error)})


@asynccontextmanager
async def _held(lock: asyncio.Lock, seconds: float) -> AsyncIterator[None]:
    """Hold a lock; where somebody else holds it for so many seconds, go on without it."""
    try:
        async with asyncio.timeout(seconds):
            await lock.acquire()
    except TimeoutError:
        yield
        return
    try:
        yield
    finally:
        lock.release()
