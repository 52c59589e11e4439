"""What Telegram shows of the bot before the first message: its description, and the short one in its profile."""

import asyncio
import html
from functools import partial

from telegram import Bot

from services.bot.help.command_menus import DAY_S, codes, until_taken
from services.bot.texts.locales import is_said, say

DESCRIPTION, ABOUT = "profile_description", "profile_about"


async def keep_profile(bot: Bot) -> None:
    """Set both texts in every language where Telegram has none, and look again every day. Runs until cancelled.

    What the owner wrote in @BotFather stays.
    """
    while True:
        for code, language in codes().items():
            fields: dict[str, object] = {"language": language}
            await until_taken(partial(_describe, bot, code, language), "profile", fields)
        # What Telegram refused again and again, and what the owner has emptied meanwhile, gets another try.
        await asyncio.sleep(DAY_S)


async def _describe(bot: Bot, code: str | None, language: str) -> None:
    description = html.unescape(say(DESCRIPTION, language))
    if is_to_be_set(DESCRIPTION, (await bot.get_my_description(code)).description, description):
        await bot.set_my_description(description, code)
    about = html.unescape(say(ABOUT, language))
    if is_to_be_set(ABOUT, (await bot.get_my_short_description(code)).short_description, about):
        await bot.set_my_short_description(about, code)


def is_to_be_set(key: str, shown: str, wanted: str) -> bool:
    """Whether a text takes the place of what is shown: of nothing, or of ours in another language. Pure."""
    return shown != wanted and (not shown or is_said(key, shown))
