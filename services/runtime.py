"""Starts and stops the services: signals, order, and what is left to say at the end."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from services import logs
from services.importing import importing
from shared.errors import StoreAway
from shared.migrations import is_current, migrate
from shared.settings import BotSettings, Settings, SettingsError, WorkerSettings, load
from shared.store.database import Database

# Bot and worker are imported where one is started: each costs a second and much memory, and no other process needs it.
if TYPE_CHECKING:
    from services.bot.app import Bot
    from services.worker.app import Worker

NEEDS_BROKER = (
    "Please set REDIS_URL (and DATABASE_URL): `g2d bot` and `g2d worker` are separate processes and meet over "
    "Redis. For everything in one process there is `g2d run`."
)


def run_everything(bot_settings: BotSettings | None = None, worker_settings: WorkerSettings | None = None) -> None:
    """Run bot and worker in this process until a signal comes."""
    if bot_settings is None or worker_settings is None:
        bot_settings, worker_settings = load(BotSettings, WorkerSettings)
    with importing():
        from services.bot.app import Bot
        from services.worker.app import Worker
        from shared.queue import make_celery

    _set_up_logs(bot_settings, worker_settings)
    with _alone_in(bot_settings), opened(bot_settings) as database:
        migrate(database)
        celery = make_celery(bot_settings.redis_url)
        worker = Worker(worker_settings, database, celery)
        worker.start()
        try:
            asyncio.run(_serve(lambda: Bot(bot_settings, database, celery)))
        finally:
            _stop(worker)


def run_bot() -> None:
    """Run the bot until a signal comes."""
    (settings,) = load(BotSettings)
    _set_up_logs(settings)
    _require_broker(settings)
    with importing():
        from services.bot.app import Bot
        from shared.queue import make_celery

    with opened(settings) as database:
        require_tables(database)
        asyncio.run(_serve(lambda: Bot(settings, database, make_celery(settings.redis_url))))


def run_worker() -> None:
    """Run a worker until a signal comes; a second one ends it at once."""
    (settings,) = load(WorkerSettings)
    _set_up_logs(settings)
    _require_broker(settings)
    with importing():
        from services.worker.app import Worker
        from shared.queue import make_celery

    with opened(settings) as database:
        require_tables(database)
        worker = Worker(settings, database, make_celery(settings.redis_url))
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(1) if stop.is_set() else stop.set())
        worker.start()
        while not stop.wait(1):
            # An endless wait would keep signals from being seen on some systems.
            continue
        _stop(worker)


def migrate_database() -> None:
    """Bring the tables up to date."""
    (settings,) = load(Settings)
    _set_up_logs(settings)
    with opened(settings) as database:
        migrate(database)


async def _serve(make_bot: Callable[[], "Bot"]) -> None:
    from telegram.error import InvalidToken

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await make_bot().run(stop)
    except InvalidToken:
        raise SettingsError("Telegram doesn't know this TELEGRAM_BOT_TOKEN: ask @BotFather for a new one.") from None


def _stop(worker: "Worker") -> None:
    ended = worker.stop()
    status = 1 if worker.died else 0
    if not ended:
        # A call to some service is still under way in a thread, and threads can't be ended. Its job was given back.
        sys.stdout.flush()
        os._exit(status)
    if status:
        raise SystemExit(status)


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database of these settings, closed at the end."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _alone_in(settings: Settings) -> Iterator[None]:
    """Keep a second process out of this data folder: embedded, everything belongs to one."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.data_dir / "g2d.lock", timeout=0):
            yield
    except Timeout:
        raise SettingsError(f"Another g2d uses the folder {settings.data_dir}: stop it first.") from None


def _require_broker(settings: Settings) -> None:
    if settings.embedded:
        raise SettingsError(NEEDS_BROKER)


def require_tables(database: Database) -> None:
    """Check that the database can be used.

    Raises:
        SettingsError: It can't be reached, or its tables are not up to date.
    """
    try:
        current = is_current(database)
    except (StoreAway, SQLAlchemyError) as error:
        raise SettingsError(f"The database in DATABASE_URL can't be used: {type(error).__name__}.") from error
    if not current:
        raise SettingsError("The database's tables are not up to date: please run `g2d migrate` first.")


def _set_up_logs(*settings: Settings) -> None:
    secrets = [value for one in settings for value in one.model_dump().values() if isinstance(value, SecretStr)]
    logs.set_up(settings[0].log_format, settings[0].log_level, secrets)
