"""Waiting for news, but never for ever: a wake-up may get lost."""

import asyncio


async def wait_for_news(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
