"""Starts and stops the services: signals, order, and what is left to say at the end."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from services import logs, startup
from services.embedded_worker import EmbeddedWorker
from services.health import Signs, Watchdog
from services.importing import importing
from services.memory import share_arenas
from services.supervision import Threads
from shared.background_tickets import BackgroundTickets
from shared.cores import one_core
from shared.settings import BotSettings, Settings, SettingsError, WorkerSettings, load, load_both
from shared.tickets import LocalTickets, Tickets

# Bot and worker are imported where one is started: each costs half a second and much memory, and no other process needs
# it.
if TYPE_CHECKING:
    from services.bot.app import Bot
    from services.worker.app import Worker
    from shared.celery_tickets import CeleryTickets

log = logging.getLogger(__name__)

LATEST_S = 50.0  # from the signal on, of the 60 that Compose gives: a thread that waits for a server can't be ended
LOOK_AFTER_S = 1.0  # between two looks for threads that have ended
NEEDS_BROKER = (
    "Please set REDIS_URL (and DATABASE_URL): `g2d bot` and `g2d worker` are separate processes and meet over "
    "Redis. For everything in one process there is `g2d run`."
)


def run_everything(bot_settings: BotSettings | None = None, worker_settings: WorkerSettings | None = None) -> None:
    """Run bot and worker in this process until a signal comes."""
    if bot_settings is None or worker_settings is None:
        bot_settings, worker_settings = load_both(BotSettings, WorkerSettings)
    if worker_settings.has_google_alone:
        # The bot reads no keys: it can't know what the worker makes of those that are there.
        bot_settings = bot_settings.model_copy(update={"image_model_setting": worker_settings.image_model})
    with importing():
        from services.bot.app import Bot
        from services.metrics.server import served
        from shared.key_cipher import decrypting_cipher_for

    share_arenas()
    _set_up_logs(bot_settings)
    cores = one_core() if bot_settings.is_for_real else nullcontext()  # In the demo the stand-ins work beside them.
    with cores, stopping() as stop, startup.alone_in(bot_settings), startup.opened(bot_settings) as database:
        if not startup.wait_and_migrate(database, bot_settings, stop):
            return
        decrypting_cipher_for(worker_settings)  # The one thing that could be wrong for the worker alone.
        bots, workers = _tickets(bot_settings)
        guard = Guard(bot_settings)
        startup.allow_files_for(worker_settings.slots)
        _tell_of_google_alone(worker_settings)

        def make_worker() -> "Worker":
            with importing():
                from services.doctor import at_start
                from services.worker.app import Worker

            if bot_settings.is_for_real:
                at_start.begin(worker_settings, stop)
            return Worker(worker_settings, database, workers, signs=guard.signs)

        worker = EmbeddedWorker(make_worker, guard.signs)
        make_bot = partial(Bot, bot_settings, database, bots, signs=guard.signs, polls=worker.begin)
        with served(bot_settings, database, workers, guard.signs, of_record=True, slots=worker_settings.slots):
            guard.start(worker.look_after)
            worker.start()
            try:
                # Both end side by side: what a worker began would else be waited for after the bot.
                asyncio.run(_serve(make_bot, guard, stop, at_signal=worker.wind_down))
            finally:
                stop.set()
                _stop(worker.end(), guard)


def run_bot() -> None:
    """Run the bot until a signal comes."""
    settings = load(BotSettings)
    share_arenas()
    _set_up_logs(settings)
    redis_url = _require_broker(settings)
    with importing():
        from services.bot.app import Bot
        from services.metrics.server import served

    def make_tickets() -> "CeleryTickets":
        with importing():
            from shared.celery_tickets import CeleryTickets, make_celery

        return CeleryTickets(make_celery(redis_url))

    with stopping() as stop, startup.opened(settings) as database:
        if not startup.wait_for_tables(database, settings, stop):
            return
        guard = Guard(settings)
        guard.start()
        tickets = BackgroundTickets(make_tickets)
        make_bot = partial(Bot, settings, database, tickets, signs=guard.signs, polls=tickets.prepare)
        with served(settings, database, tickets, guard.signs, of_record=True):
            asyncio.run(_serve(make_bot, guard, stop))
        if guard.ended_it:
            raise SystemExit(1)


def run_worker() -> None:
    """Run a worker until a signal comes; a second one ends it at once."""
    settings = load(WorkerSettings)
    share_arenas()
    _set_up_logs(settings)
    redis_url = _require_broker(settings)
    with importing():
        from services.doctor import at_start
        from services.metrics.server import served
        from services.worker.app import Worker
        from shared.celery_tickets import CeleryTickets, make_celery

    with stopping() as stop, startup.opened(settings) as database:
        if not startup.wait_for_tables(database, settings, stop):
            return
        guard = Guard(settings)
        startup.allow_files_for(settings.slots)
        tickets = CeleryTickets(make_celery(redis_url))
        worker = Worker(settings, database, tickets, signs=guard.signs)
        _tell_of_google_alone(settings)
        with served(settings, database, tickets, guard.signs, of_record=False, slots=settings.slots):
            guard.start(worker.look_after)
            worker.start()
            at_start.begin(settings, stop)
            while not stop.wait(LOOK_AFTER_S):
                guard.look_after()
            _stop(worker, guard)


def migrate_database() -> None:
    """Bring the tables up to date."""
    settings = load(Settings)
    _set_up_logs(settings)
    with startup.opened(settings) as database:
        startup.migrate_now(database, startup.place_of(settings))


class Guard:
    """Watches over one process: its duties, and its threads, the watchdog's among them."""

    def __init__(self, settings: Settings) -> None:
        self.signs = Signs(settings.heartbeat_file)
        self._watchdog = Watchdog(self.signs)
        self._ending = threading.Event()
        self._threads = Threads({"watchdog": self._keep_watch})
        self._look_after: Callable[[], None] | None = None

    def start(self, look_after: Callable[[], None] | None = None) -> None:
        """Begin to watch; ``look_after`` starts again what else there is of threads that ended."""
        self._look_after = look_after
        self._threads.start()

    @property
    def ended_it(self) -> bool:
        """Whether the process ends because one of its duties hangs."""
        return self._watchdog.reason is not None

    def look_after(self) -> None:
        """Start again the threads that ended; to be called about every second."""
        self._threads.look_after()
        if self._look_after is not None:
            self._look_after()

    async def keep_looking(self) -> None:
        """Look after the threads from an event loop. Runs until cancelled."""
        while True:
            self.look_after()
            await asyncio.sleep(LOOK_AFTER_S)

    def _keep_watch(self) -> None:
        while not self._ending.wait(self._watchdog.look_s):
            self._watchdog.look()


class Ending(threading.Event):
    """Is set where the process is told to end. From then on it does so within ``LATEST_S``, whatever hangs."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = threading.Timer(LATEST_S, _leave)
        self._timer.daemon = True

    def set(self) -> None:
        if not self.is_set():
            super().set()
            self._timer.start()

    def over(self) -> None:
        """Take note that nothing hangs."""
        self._timer.cancel()


def _leave() -> None:
    log.warning("a call hangs, ending without it; what is under way is left to the next start")
    sys.stdout.flush()
    os._exit(0)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    stop = Ending()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: os._exit(1) if stop.is_set() else stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        stop.over()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


async def _serve(
    make_bot: Callable[[], "Bot"],
    guard: Guard,
    stopped: threading.Event,
    at_signal: Callable[[], None] = lambda: None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stopped.set()
        at_signal()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":  # Its event loops take no signals.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))
        else:
            loop.add_signal_handler(number, end)
    if stopped.is_set():  # A signal came before the handlers above were there.
        return
    await make_bot().run(stop, beside={"look after threads": guard.keep_looking})


def _stop(worker: "Worker | None", guard: Guard) -> None:
    ended = worker is None or worker.stop()
    status = 1 if guard.ended_it or (worker is not None and worker.died) else 0
    if not ended:
        # A call to some service is still under way in a thread, and threads can't be ended. Its job was given back.
        sys.stdout.flush()
        os._exit(status)
    if status:
        raise SystemExit(status)


def _require_broker(settings: Settings) -> str:
    """The URL of Redis."""
    if settings.redis_url is None:
        raise SettingsError(NEEDS_BROKER)
    return settings.redis_url


def _tickets(settings: Settings) -> tuple[Tickets, "CeleryTickets | LocalTickets"]:
    """The tickets of bot and worker in one process: with a broker, the bot sends its own in the background."""
    if settings.redis_url is None:
        local = LocalTickets()
        return local, local
    with importing():
        from shared.celery_tickets import CeleryTickets, make_celery

    tickets = CeleryTickets(make_celery(settings.redis_url))
    return BackgroundTickets(lambda: tickets), tickets


def _tell_of_google_alone(settings: WorkerSettings) -> None:
    if settings.has_google_alone:
        told = {"image_model": settings.image_model, "setting": "HF_TOKEN"}
        # A bot that runs elsewhere reads no keys, and does not know.
        told |= {} if settings.embedded else {"set_for_the_bot": f"G2D_IMAGE_MODEL={settings.image_model}"}
        log.info("no HuggingFace token is set, Gemini creates the pictures", extra=told)


def _set_up_logs(settings: Settings) -> None:
    logs.set_up(settings.log_format, settings.log_level)
