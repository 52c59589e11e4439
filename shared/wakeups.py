"""Wake-ups ("this job changed") between processes over Postgres' NOTIFY, and inside one process without it.

A wake-up is a hint. One that is lost costs a few seconds, never a picture: each waiting process also looks by itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable

import psycopg

from shared.store.database import CHANNEL, Database
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

    database.on_change = pass_on
    try:
        await asyncio.Event().wait()
    finally:
        database.on_change = None


async def _listen_to_postgres(database: Database, hear: Callable[[News], None]) -> None:
    pause = 1.0
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                database.conninfo, autocommit=True, connect_timeout=5, keepalives_idle=10, keepalives_interval=5
            )
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                pause = 1.0
                async for news in connection.notifies():
                    hear(News.from_text(news.payload))
        except psycopg.Error as error:
            log.warning("listening for wake-ups failed", extra={"error": type(error).__name__})
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, MAX_PAUSE_S)
