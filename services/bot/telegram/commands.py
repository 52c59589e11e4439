"""Commands as people write them: in a text, or as the caption of what they send along. Pure."""

from telegram import Message, MessageEntity, User


def command_of(message: Message) -> str:
    """The first command as it was typed, ``/imagine`` or ``/imagine@our_bot``; empty where there is none."""
    kinds: list[str | None] = [MessageEntity.BOT_COMMAND]
    found = message.parse_entities(kinds) if message.text else message.parse_caption_entities(kinds)
    return next(iter(found.values()), "")


def words_after_command(message: Message) -> str:
    """What a message says after its command."""
    return (message.text or message.caption or "").partition(command_of(message))[2]


def is_captioned(message: Message, command: str, bot: User) -> bool:
    """Whether what is sent along has a caption that begins with a command for this bot.

    The library's own handlers of commands look at texts alone.
    """
    typed = command_of(message)
    if not typed or not (message.caption or "").startswith(typed):
        return False
    name, _, addressed = typed.removeprefix("/").partition("@")
    return name.casefold() == command and addressed.casefold() in {"", (bot.username or "").casefold()}
