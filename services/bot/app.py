"""Runs the bot, and shuts it down in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from services.bot.build import POLLS, Parts
from services.bot.routes import add_handlers
from services.health import Sign, Signs
from services.retrying import FIRST_PAUSE_S, Outage, jittered, pause_s
from services.supervision import Round, Tasks
from shared import wakeups
from shared.errors import StoreAway
from shared.settings import BotSettings
from shared.store.database import Database
from shared.store.news import News
from shared.tickets import Tickets

log = logging.getLogger(__name__)

STOP_S = 20.0  # for handlers under way
HEAD_START_S = 0.2  # for the first answers, before anything else is imported beside them
END_S = 45.0  # for handlers and then deliveries, together; what is not sent by then is left to the next start
FLUSH_S = 2.0  # for tickets at the end; those that don't leave are made up for by a worker's sweep


class Bot:
    """The Telegram front end."""

    def __init__(
        self,
        settings: BotSettings,
        database: Database,
        tickets: Tickets,
        *,
        signs: Signs | None = None,
        polls: Callable[[], None] | None = None,
        stop_s: float = STOP_S,
        end_s: float = END_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """Build everything; nothing connects yet. Call inside the event loop that ``run`` will use.

        Args:
            polls: Is called once the bot polls, and what waited for it at Telegram has probably been answered.
            stop_s: Seconds for handlers under way at the end.
            end_s: Seconds for these and for deliveries under way, together.
            first_pause_s: Before what has failed is tried again, the first time.
        """
        # Database and files block, so they wait in threads; tickets have threads of their own.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.threads, thread_name_prefix="bot"))
        self._signs = signs or Signs()
        self._polls = polls
        self._database = database
        self._stop_s = stop_s
        self._end_s = end_s
        self._first_pause_s = first_pause_s
        self._gallery_port = settings.gallery_port
        self._is_for_real = settings.is_for_real
        self._parts = Parts(settings, database, tickets, self._signs, first_pause_s=first_pause_s)
        self._application = self._parts.application
        self._poller = self._parts.poller
        add_handlers(self._application, self._parts.handlers)

    async def run(self, stop: asyncio.Event, beside: Mapping[str, Round] | None = None) -> None:
        """Serve until ``stop`` is set, and keep the tasks ``beside`` it running as well.

        Raises:
            SettingsError: Telegram has refused the token for a minute.
        """
        tasks = Tasks(beside or {}, first_pause_s=self._first_pause_s)
        beginning = asyncio.ensure_future(self._begin())
        try:
            await tasks.watch(stop, until=beginning)
            if beginning.done():
                beginning.result()
                tasks.add(self._rounds())
                name = self._application.bot.username
                link = {"link": f"https://t.me/{name}"} if self._is_for_real else {}  # the demo's leads to a stranger's
                log.info("bot started", extra={"bot": name, **link})
                if self._polls is not None:
                    asyncio.get_running_loop().call_later(HEAD_START_S, self._polls)
                await tasks.watch(stop)
        finally:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
            await self._end(tasks)

    async def _begin(self) -> None:
        """Wait for Telegram, take over from the process before this one, and take its unhandled updates on."""
        parts, sign = self._parts, self._signs.of(POLLS)
        await self._poller.connect(self._application.initialize)
        await until_stored(parts.takeover.begin, sign)
        await until_stored(parts.removals.release, sign)
        await until_stored(parts.limit.recall, sign)
        await parts.offers.look()  # What waits for us may name a model that only the last survey knows.
        await self._application.start()
        await until_stored(self._application.feed_unhandled, sign)
        await until_stored(parts.say_who_may_use_it, sign)

    async def _end(self, tasks: Tasks) -> None:
        """No new updates, then the handlers under way, then the deliveries under way."""
        application = self._application
        ends_at = asyncio.get_running_loop().time() + self._end_s
        self._parts.batch_delivery.wind_down()
        await tasks.end(POLLS)
        await self._poller.close()
        if application.running:
            await self._stop_handling()
            await tasks.end()
            await self._finish(ends_at)
            log.info("bot stopped", extra={"bot": application.bot.username})
        await tasks.end()
        await application.shutdown()
        await application.bot.shutdown()  # Where the start was not completed, the application has left it open.

    async def _stop_handling(self) -> None:
        try:
            async with asyncio.timeout(self._stop_s):
                await self._application.stop()
        except TimeoutError:
            log.warning("updates are still being handled: they are handled again at the next start")

    async def _finish(self, ends_at: float) -> None:
        """Write down what is under way, and let it end until this moment on the loop's clock."""
        try:
            await self._application.tick_off()
        except StoreAway as error:
            log.warning("updates not ticked off", extra={"error": str(error)})
        parts = self._parts
        delivering = (parts.delivery, parts.batch_delivery, parts.answers, parts.status_messages, parts.removals)
        try:
            async with asyncio.timeout_at(ends_at):
                for one in delivering:
                    await one.finish()
        except TimeoutError:
            log.warning("deliveries are still under way: they are left to the next start")
        await parts.takeover.end()
        await asyncio.to_thread(parts.tickets.flush, FLUSH_S)

    def _rounds(self) -> dict[str, Round]:
        """The bot's background tasks by name."""
        parts, application, signs = self._parts, self._application, self._signs
        signs.add("handles updates", application.sign)
        gallery = {} if self._gallery_port is None else {"gallery": parts.keep_serving_gallery}
        return gallery | {
            POLLS: self._poller.keep_polling,
            "listen for wake-ups": partial(wakeups.listen, self._database, self._heard),
            "status messages": parts.status.keep_true,
            "chat actions": parts.status.keep_acting,
            "send status messages": parts.promise.keep_sending,
            "look for lost messages": parts.promise.keep_looking,
            "remove status messages": partial(parts.removals.empty_outbox, signs.of("removes status messages")),
            "deliver pictures": partial(parts.delivery.empty_outbox, signs.of("delivers pictures")),
            "deliver batches": partial(parts.batch_delivery.carry_on, signs.of("delivers batches")),
            "deliver answers": partial(parts.answers.empty_outbox, signs.of("delivers answers")),
            "stream answers": parts.streams.keep_growing,
            "typing": parts.streams.keep_typing,
            "report keys": partial(parts.own_keys.keep_telling, application.bot),
            "leave groups": partial(parts.groups.keep_leaving, application.bot, signs.of("leaves groups")),
            "send broadcasts": partial(parts.broadcast_sender.keep_sending, signs.of("sends broadcasts")),
            "tell of exports": partial(parts.exports.keep_telling, application.bot),
            "alert owners": partial(parts.alerts.keep_telling, application.bot),
            "keep lock": parts.takeover.keep_lock,
            "models": parts.offers.keep_current,
            "menus": parts.keep_menus,
            "profile": parts.keep_profile,
            "tick off updates": application.keep_ticking_off,
            "feed unhandled updates": application.keep_feeding,
        }

    def _heard(self, news: News) -> None:
        if news.is_errand:
            self._parts.streams.changed()
        else:
            self._parts.status.changed(news.id)
        if news.may_be_delivered:
            (self._parts.answers if news.is_errand else self._parts.delivery).changed()


async def until_stored(act: Callable[[], Awaitable[object]], sign: Sign) -> None:
    """Repeat an action until the database answers."""
    outage = Outage(log, "the database answers again")
    while True:
        try:
            await act()
        except StoreAway:
            sign.tried()
            outage.failed(StoreAway)
            outage.say(logging.WARNING, "the database is away, trying again")
            await asyncio.sleep(jittered(pause_s(outage.failures)))
        else:
            outage.succeeded()
            return
