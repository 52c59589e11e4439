"""The bot's @name, for links that are made outside the bot's own process."""

import asyncio

from services.bot.intake.raw_api import CallFailed, RawApi
from services.bot.telegram.transport import Transport
from shared.json_types import inside
from shared.settings import BotSettings


def username_of(settings: BotSettings) -> str | None:
    """Ask Telegram who the bot is; None where it does not say."""
    return asyncio.run(_ask(settings))


async def _ask(settings: BotSettings) -> str | None:
    token = settings.telegram_bot_token.get_secret_value()
    api = RawApi(settings.telegram_api_url, token, Transport(connections=1))
    await api.open()
    try:
        us = await api.call("getMe")
    except CallFailed:
        return None
    finally:
        await api.close()
    name = inside(us, "username")
    return name if isinstance(name, str) else None
