"""Commands as people write them: in a text, or as the caption of what they send along. Pure."""

import re
from collections.abc import Collection

from telegram import Message, MessageEntity, User

# What people type who know other bots, or guess. In a group others' bots see these as well: no word that means more.
IMAGINE = (
    *("imagine", "img", "image", "draw", "paint", "pic", "picture", "generate"),
    *("gerar", "desenhar", "imagem", "dibujar", "imagen", "dessiner", "zeichne", "bild"),
)
# "/imagine: a fox", "/imagine - a fox", "/imagine，狐狸"; a smiley is no separator.
_SEPARATOR = re.compile(r"\A(?:[:;,=：，；]+(?=\s|\w)|\s+(?:[:;,=：，；]+|[-–—])(?=\s))\s*")


def command_of(message: Message) -> str:
    """The first command as it was typed, ``/imagine`` or ``/imagine@our_bot``; empty where there is none."""
    kinds: list[str | None] = [MessageEntity.BOT_COMMAND]
    found = message.parse_entities(kinds) if message.text else message.parse_caption_entities(kinds)
    return next(iter(found.values()), "")


def words_after_command(message: Message) -> str:
    """What a message says after its command, and after a colon or the like between the two."""
    return _SEPARATOR.sub("", (message.text or message.caption or "").partition(command_of(message))[2], count=1)


def is_captioned(message: Message, names: Collection[str], bot: User) -> bool:
    """Whether what is sent along has a caption that begins with one of these commands, for this bot.

    The library's own handlers of commands look at texts alone.
    """
    typed = command_of(message)
    if not typed or not (message.caption or "").startswith(typed):
        return False
    name = typed.removeprefix("/").partition("@")[0]
    return name.casefold() in names and is_for(typed, bot)


def is_for(typed: str, bot: User) -> bool:
    """Whether a command, as it was typed, names this bot or none."""
    return typed.partition("@")[2].casefold() in {"", (bot.username or "").casefold()}
