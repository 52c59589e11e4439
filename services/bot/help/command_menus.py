"""The command menus: what a person may type, by the kind of chat and by language."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from services.bot.locales import DEFAULT, languages, say
from services.retrying import jittered, pause_s

log = logging.getLogger(__name__)

DAY_S = 86_400.0
MOST_TRIES = 20  # for one menu in a day: a quarter of an hour where Telegram names no wait

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


async def keep_menus(bot: Bot, owners: Sequence[int]) -> None:
    """Let Telegram show our menus, and look again every day. Runs until cancelled.

    Menus are an extra: whatever Telegram answers, however long it asks to wait, nothing else waits for them.
    """
    while True:
        for menu in menus_for(owners):
            await _set_patiently(bot, menu)
        await asyncio.sleep(DAY_S)


@dataclass(frozen=True, slots=True)
class Menu:
    """The commands of one kind of chat in one language; ``code`` is Telegram's, None stands for all others."""

    scope: BotCommandScope
    commands: tuple[str, ...]
    code: str | None
    language: str


def menus_for(owners: Sequence[int]) -> list[Menu]:
    """All menus of this bot. Pure."""
    # Telegram knows a language by two letters; none stands for all that have no menu of their own.
    codes = {name[:2]: name for name in languages() if name != DEFAULT}
    return [
        Menu(scope, commands, code, language)
        for scope, commands in (*MENUS, *((BotCommandScopeChat(owner), FOR_OWNERS) for owner in owners))
        for code, language in ((None, DEFAULT), *codes.items())
    ]


async def _set_patiently(bot: Bot, menu: Menu) -> None:
    """Set a menu where Telegram doesn't show it yet; what time can mend is tried again."""
    wanted = tuple(BotCommand(command, say(f"command_{command}", menu.language)) for command in menu.commands)
    fields = {"scope": str(menu.scope.type), "language": menu.language}
    for failures in count(1):
        try:
            if await bot.get_my_commands(menu.scope, menu.code) != wanted:
                await bot.set_my_commands(wanted, menu.scope, menu.code)
        except TelegramError as error:
            fields |= {"error": type(error).__name__}
            if not is_transient(error) or failures == MOST_TRIES:
                log.warning("command menu not set", extra=fields)
                return
            log.info("command menu not set yet", extra=fields)
            await asyncio.sleep(jittered(max(pause_s(failures), wait_of(error))))
        else:
            return


def is_transient(error: TelegramError) -> bool:
    """Whether the same call may work later. Pure."""
    return isinstance(error, RetryAfter | NetworkError) and not isinstance(error, BadRequest)


def wait_of(error: TelegramError) -> float:
    """For how many seconds Telegram asks to wait. Pure."""
    if not isinstance(error, RetryAfter):
        return 0.0
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
