"""News of jobs and errands: "something changed", between processes over Postgres and inside one process without it.

A wake-up is a hint. One that is lost costs a few seconds, never a picture: whoever waits also looks by itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable

import psycopg

from shared.store.database import CHANNEL, ERRAND, Database

log = logging.getLogger(__name__)

MAX_PAUSE_S = 15.0


async def listen(
    database: Database, heard: Callable[[int], None], heard_of_errand: Callable[[int], None] | None = None
) -> None:
    """Call ``heard`` with a job's id, on this event loop, whenever that job changed. Runs until cancelled.

    Args:
        heard_of_errand: Is called with an errand's id in the same way; None: nobody cares.
    """

    def hear(news: str) -> None:
        if not news.startswith(ERRAND):
            heard(int(news))
        elif heard_of_errand is not None:
            heard_of_errand(int(news.removeprefix(ERRAND)))

    if database.is_sqlite:
        await _listen_within(database, hear)
    else:
        await _listen_to_postgres(database, hear)


async def _listen_within(database: Database, hear: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()

    def pass_on(news: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hear, news)

    database.on_change = pass_on
    try:
        await asyncio.Event().wait()
    finally:
        database.on_change = None


async def _listen_to_postgres(database: Database, hear: Callable[[str], None]) -> None:
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
                    hear(news.payload)
        except psycopg.Error as error:
            log.warning("listening for wake-ups failed", extra={"error": type(error).__name__})
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, MAX_PAUSE_S)
