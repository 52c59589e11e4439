"""The command menu: set by scope and language, shown to each user by the closest match."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import bad_request
from sandbox.telegram.methods.chats import ADMINISTRATORS
from sandbox.telegram.world import Bot, Chat, Json, Person

MAX_COMMANDS = 100
LONGEST_DESCRIPTION = 256
SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def _key(call: Call) -> tuple[str, str]:
    scope: Any = call.structure("scope", "BotCommandScope") or {"type": "default"}
    language = call.text("language_code")
    if scope.get("type") not in SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if not re.fullmatch(r"([a-z]{2})?", language):
        raise bad_request("invalid language code specified")
    fields = SCOPES[scope["type"]]
    if any(name not in scope for name in fields):
        raise bad_request(f"can't parse BotCommandScope: Can't find field \"{fields[0]}\"")
    return _scope(scope["type"], *(int(scope[name]) for name in fields)), language


def _scope(kind: str, *ids: int) -> str:
    return json.dumps([kind, *ids])


@method("setMyCommands")
def set_my_commands(call: Call) -> bool:
    commands: Any = call.structure("commands", "commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    kept = []
    for command in commands:
        name, description = command.get("command", "").removeprefix("/"), command.get("description", "").strip()
        if not re.fullmatch(r"[a-z0-9_]{1,32}", name):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(description) <= LONGEST_DESCRIPTION:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        kept.append({"command": name, "description": description})
    call.bot.commands[_key(call)] = kept
    call.world.changes.note()
    return True


@method("getMyCommands")
def get_my_commands(call: Call) -> list[Json]:
    return call.bot.commands.get(_key(call), [])


@method("deleteMyCommands")
def delete_my_commands(call: Call) -> bool:
    call.bot.commands.pop(_key(call), None)
    call.world.changes.note()
    return True


def menu_for(bot: Bot, chat: Chat, person: Person) -> list[Json]:
    """The commands that a person sees in a chat: narrowest scope first, in each the person's language first."""
    language = str(person.user.get("language_code", ""))[:2]
    for scope in _scopes_of(chat, person):
        for code in (language, ""):
            if menu := bot.commands.get((scope, code)):
                return menu
    return []


def _scopes_of(chat: Chat, person: Person) -> Iterator[str]:
    if chat.type == "private":
        yield _scope("chat", chat.id)
        yield _scope("all_private_chats")
    else:
        is_administrator = chat.members.get(person.id) in ADMINISTRATORS
        yield _scope("chat_member", chat.id, person.id)
        if is_administrator:
            yield _scope("chat_administrators", chat.id)
        yield _scope("chat", chat.id)
        if is_administrator:
            yield _scope("all_chat_administrators")
        yield _scope("all_group_chats")
    yield _scope("default")
