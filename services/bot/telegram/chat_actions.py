"""What a chat is shown while something is being made for it: "sending a photo …", "typing …"."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError


@contextlib.asynccontextmanager
async def chat_action(bot: Bot, action: ChatAction, chat_id: int, topic_id: int | None) -> AsyncIterator[None]:
    """Show it as long as the block runs, and for 5 seconds at most, as Telegram does.

    The block does not wait for it: the call may have to wait for Telegram's limits.
    """
    showing = asyncio.create_task(_show(bot, action, chat_id, topic_id))
    try:
        yield
    finally:
        showing.cancel()


async def _show(bot: Bot, action: ChatAction, chat_id: int, topic_id: int | None) -> None:
    with contextlib.suppress(TelegramError):
        await bot.send_chat_action(chat_id, action, message_thread_id=topic_id)
