"""The command menus: what a person may type, by the kind of chat and by language."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
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

from services.bot.texts.locales import DEFAULT, languages, say
from services.retrying import FIRST_PAUSE_S, jittered, pause_s
from shared.access import Known, Role

log = logging.getLogger(__name__)

DAY_S = 86_400.0
MAX_TRIES = 20  # for one menu in a day: a quarter of an hour where Telegram names no wait

IN_PRIVATE = (
    "imagine",
    "describe",
    "upscale",
    "batch",
    "new",
    "stop",
    "queue",
    "cancel",
    "history",
    "gallery",
    "settings",
    "models",
    "keys",
    "usage",
    "privacy",
    "export",
    "deletemydata",
    "help",
    "start",
)
IN_GROUPS = (
    "imagine",
    "describe",
    "upscale",
    "new",
    "stop",
    "queue",
    "cancel",
    "history",
    "models",
    "usage",
    "privacy",
    "help",
)
FOR_ADMINS = (
    "imagine",
    "describe",
    "upscale",
    "batch",
    "new",
    "stop",
    "queue",
    "cancel",
    "history",
    "settings",
    "models",
    "usage",
    "privacy",
    "help",
)
MENUS: tuple[tuple[BotCommandScope, tuple[str, ...]], ...] = (
    (BotCommandScopeAllPrivateChats(), IN_PRIVATE),
    (BotCommandScopeAllGroupChats(), IN_GROUPS),
    (BotCommandScopeAllChatAdministrators(), FOR_ADMINS),
)
FOR_MANAGERS: Mapping[Role, tuple[str, ...]] = {
    Role.OWNER: (*IN_PRIVATE, "status", "stats", "broadcast", "users", "invite", "role", "ban", "unban"),
    Role.ADMIN: (*IN_PRIVATE, "stats", "users", "role", "ban", "unban"),
}
COMMANDS = tuple(dict.fromkeys((*FOR_MANAGERS[Role.OWNER], *IN_GROUPS, *FOR_ADMINS)))


async def keep_menus(
    bot: Bot,
    managers: Callable[[], Sequence[Known]],
    changed: asyncio.Event,
    *,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Let Telegram show our menus, and look again every day, and when it ``changed`` who manages the bot.

    Menus are an extra: whatever Telegram answers, however long it asks to wait, nothing else waits for them. Runs until
    cancelled.
    """
    before: set[int] = set()
    while True:
        changed.clear()
        now = await asyncio.to_thread(managers)
        for person_id in before - {one.id for one in now}:
            await _remove(bot, person_id)
        before = {one.id for one in now}
        for menu in menus_for(now):
            await _set_patiently(bot, menu, first_pause_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), DAY_S)


@dataclass(frozen=True, slots=True)
class Menu:
    """The commands of one kind of chat in one language; ``code`` is Telegram's, None stands for all others."""

    scope: BotCommandScope
    commands: tuple[str, ...]
    code: str | None
    language: str


def menus_for(managers: Sequence[Known]) -> list[Menu]:
    """All menus of this bot. Pure."""
    theirs = ((BotCommandScopeChat(one.id), FOR_MANAGERS[one.role]) for one in managers)
    return [
        Menu(scope, commands, code, language)
        for scope, commands in (*MENUS, *theirs)
        for code, language in codes().items()
    ]


def codes() -> dict[str | None, str]:
    """Our languages by Telegram's codes of two letters; None stands for all others."""
    return {None: DEFAULT, **{name[:2]: name for name in languages() if name != DEFAULT}}


async def _remove(bot: Bot, person_id: int) -> None:
    """Take somebody's own menu away, who manages the bot no more."""
    for code in codes():
        try:
            await bot.delete_my_commands(BotCommandScopeChat(person_id), code)
        except TelegramError as error:
            log.info("command menu not removed", extra={"user_id": person_id, "error": type(error).__name__})
            return


async def _set_patiently(bot: Bot, menu: Menu, first_pause_s: float) -> None:
    """Set a menu where Telegram doesn't show it yet."""
    wanted = tuple(BotCommand(command, say(f"command_{command}", menu.language)) for command in menu.commands)

    async def set_it() -> None:
        if await bot.get_my_commands(menu.scope, menu.code) != wanted:
            await bot.set_my_commands(wanted, menu.scope, menu.code)

    fields = {"scope": str(menu.scope.type), "language": menu.language}
    await until_taken(set_it, "command menu", fields, first_pause_s=first_pause_s)


async def until_taken(
    set_it: Callable[[], Awaitable[None]],
    what: str,
    fields: Mapping[str, object],
    *,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Make an optional call to Telegram; temporary failures are repeated, others are logged with ``what``."""
    for failures in count(1):
        try:
            await set_it()
        except TelegramError as error:
            reported = {**fields, "error": type(error).__name__}
            if not is_transient(error) or failures == MAX_TRIES:
                log.warning("%s not set", what, extra=reported)
                return
            log.info("%s not set yet", what, extra=reported)
            await asyncio.sleep(jittered(max(pause_s(failures, first_s=first_pause_s), wait_of(error))))
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
