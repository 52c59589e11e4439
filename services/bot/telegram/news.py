"""Waits for a wake-up, with a time-out, because wake-ups may get lost."""

import asyncio


async def wait_for_news(event: asyncio.Event, timeout_s: float) -> None:
    """Wait until the event is set, at most so many seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
