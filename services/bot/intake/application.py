"""Hands each update to its handler once, records which were handled, and feeds again those that were not."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from telegram import Bot, Update
from telegram.ext import Application, ExtBot

from services.bot.intake.dispatcher import Dispatcher
from services.bot.intake.joining import whole
from services.bot.intake.languages import in_language
from services.health import Sign
from shared.errors import StoreAway
from shared.store.people import People
from shared.store.updates import Updates

log = logging.getLogger(__name__)

AGAIN_EVERY_S = 15.0
TICK_OFF_EVERY_S = 0.2
LONG_ENOUGH = timedelta(seconds=60)  # an update that is older and unhandled has no handler at work any more
KEEP_FOR = timedelta(days=7)  # Telegram keeps updates for 24 hours; more helps to explain what happened
MOST_AT_ONCE = 10_000


_Application = Application[ExtBot[Any], Any, Any, Any, Any, Any]


class DurableApplication(_Application):
    """Ticks every update off when its handlers are through with it.

    Attributes:
        sign: Is told of each update that was handled, and of each look at which there was none to handle.
    """

    def __init__(self, *, updates: Updates, people: People | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sign = Sign()
        self._people = people
        self._updates = updates
        self._in_hand: set[int] = set()
        self._postponed: set[int] = set()
        self._handled: list[int] = []

    def hand_over(self, update: Update) -> None:
        """Have an update handled, as soon as the update processor lets it; the application has to run."""
        self.create_task(self.update_processor.process_update(update, self.process_update(update)), update=update)

    async def process_update(self, update: object) -> None:
        """Handle an update once; one that could not be handled for want of a service comes again."""
        if not isinstance(update, Update):
            await super().process_update(update)
            return
        if update.update_id in self._in_hand:
            return
        self._in_hand.add(update.update_id)
        try:
            await super().process_update(await self._in_chosen_language(await whole(update, self._updates, self.bot)))
            if update.update_id not in self._postponed:
                self._handled.append(update.update_id)
        except StoreAway as error:
            # It was not handled, so it comes again.
            log.warning("update left for later", extra={"update_id": update.update_id, "error": str(error)})
        finally:
            self._postponed.discard(update.update_id)
            self._in_hand.discard(update.update_id)
            self.sign.done()

    async def handle_as_new(self, update: Update) -> None:
        """Let the handlers of new messages have what a handler made of an update that is in hand."""
        await super().process_update(update)

    async def stop(self) -> None:
        """End when the updates under way are handled; those that wait are handled after the next start."""
        if isinstance(self.update_processor, Dispatcher):
            self.update_processor.close()
        await super().stop()

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
        if not self._in_hand:
            self.sign.done()
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


async def feed_unhandled(
    updates: Updates, bot: Bot, hand_over: Callable[[Update], None], *, older_than: timedelta
) -> int:
    """Hand the handlers what was written down and not handled, oldest first; returns how many."""
    found = await asyncio.to_thread(updates.unhandled, most=MOST_AT_ONCE, older_than=older_than)
    for raw in found:
        hand_over(Update.de_json(json.loads(raw.body), bot))
    return len(found)


async def keep_ticking_off(application: DurableApplication) -> None:
    """Tick handled updates off, many at a time. Runs until cancelled."""
    while True:
        await asyncio.sleep(TICK_OFF_EVERY_S)
        try:
            await application.tick_off()
        except StoreAway as error:
            log.warning("updates not ticked off", extra={"error": str(error)})


async def keep_feeding(updates: Updates, bot: Bot, hand_over: Callable[[Update], None]) -> None:
    """Bring back what was left for later, and forget what is long done. Runs until cancelled."""
    while True:
        await asyncio.sleep(AGAIN_EVERY_S)
        try:
            await feed_unhandled(updates, bot, hand_over, older_than=LONG_ENOUGH)
            await asyncio.to_thread(updates.forget, older_than=KEEP_FOR)
        except StoreAway as error:
            log.warning("unhandled updates not looked for", extra={"error": str(error)})
