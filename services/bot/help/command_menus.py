"""The command menus: what a person may type, by the kind of chat and by language."""

import asyncio
import logging
from collections.abc import Sequence

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import TelegramError

from services.bot.locales import DEFAULT, languages, say

log = logging.getLogger(__name__)

IN_PRIVATE = (
    "imagine",
    "describe",
    "batch",
    "new",
    "stop",
    "queue",
    "cancel",
    "settings",
    "models",
    "keys",
    "help",
    "start",
)
IN_GROUPS = ("imagine", "describe", "new", "stop", "queue", "cancel", "models", "help")
FOR_ADMINS = ("imagine", "describe", "batch", "new", "stop", "queue", "cancel", "settings", "models", "help")
MENUS: tuple[tuple[BotCommandScope, tuple[str, ...]], ...] = (
    (BotCommandScopeAllPrivateChats(), IN_PRIVATE),
    (BotCommandScopeAllGroupChats(), IN_GROUPS),
    (BotCommandScopeAllChatAdministrators(), FOR_ADMINS),
)
FOR_OWNERS = (*IN_PRIVATE, "status")
COMMANDS = tuple(dict.fromkeys((*FOR_OWNERS, *IN_GROUPS, *FOR_ADMINS)))


async def set_menus(bot: Bot, owners: Sequence[int]) -> None:
    """Let Telegram show our menus, where it doesn't yet. One that can't be set is missed, and nothing else."""
    # Telegram knows a language by two letters; none stands for all that have no menu of their own.
    codes = {name[:2]: name for name in languages() if name != DEFAULT}
    await asyncio.gather(
        *(
            _set(bot, scope, commands, code, language)
            for scope, commands in (*MENUS, *((BotCommandScopeChat(owner), FOR_OWNERS) for owner in owners))
            for code, language in ((None, DEFAULT), *codes.items())
        )
    )


async def _set(bot: Bot, scope: BotCommandScope, commands: tuple[str, ...], code: str | None, language: str) -> None:
    wanted = tuple(BotCommand(command, say(f"command_{command}", language)) for command in commands)
    try:
        if await bot.get_my_commands(scope, code) != wanted:
            await bot.set_my_commands(wanted, scope, code)
    except TelegramError as error:
        fields = {"scope": str(scope.type), "language": language, "error": type(error).__name__}
        log.warning("command menu not set", extra=fields)
