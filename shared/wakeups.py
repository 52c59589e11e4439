"""Wake-ups ("this job changed") between processes over Postgres' NOTIFY, and inside one process without it.

A wake-up is a hint. One that is lost costs a few seconds, never a picture: each waiting process also looks by itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from shared.store.database import CHANNEL, LINK, Database
from shared.store.news import News

log = logging.getLogger(__name__)

MAX_PAUSE_S = 15.0


async def listen(database: Database, heard: Callable[[News], None]) -> None:
    """Call ``heard`` on this event loop whenever a job or an errand changed. Runs until cancelled."""
    if database.is_sqlite:
        await _listen_within(database, heard)
    else:
        await _listen_to_postgres(database, heard)


async def _listen_within(database: Database, hear: Callable[[News], None]) -> None:
    loop = asyncio.get_running_loop()

    def pass_on(news: News) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hear, news)

    database.listeners.append(pass_on)
    try:
        await asyncio.Event().wait()
    finally:
        database.listeners.remove(pass_on)


async def _listen_to_postgres(database: Database, hear: Callable[[News], None]) -> None:
    import psycopg

    pause = 1.0
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True, **LINK)
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                pause = 1.0
                while True:
                    async for news in connection.notifies(timeout=0):
                        hear(News.from_text(news.payload))
                    await _readable(connection.fileno())
        except psycopg.Error as error:
            log.warning("listening for wake-ups failed", extra={"error": type(error).__name__})
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, MAX_PAUSE_S)


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read. Psycopg itself looks ten times a second."""
    loop = asyncio.get_running_loop()
    is_readable = asyncio.Event()
    loop.add_reader(descriptor, is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(descriptor)
