"""Prompts for a picture → one message. Pure."""

from html import unescape

from telegram import MessageEntity

from services.bot.texts.locales import say
from services.bot.texts.markdown import Piece
from services.bot.texts.utf16 import units
from shared.errands import Errand, PromptFor


def prompts_of(errand: Errand) -> list[PromptFor]:
    """What an errand brought home; none where it didn't end well."""
    return [PromptFor(**one) for one in (errand.result.get("prompts", ()) if errand.result else ())]


def write_description(errand: Errand) -> Piece:
    """All prompts in full, to be copied with a tap; at most as long as a message may be."""
    found = prompts_of(errand)
    text = unescape(say("description", errand.sender.language, n=len(found)))
    entities = []
    for number, one in enumerate(found, 1):
        title = f"{number}. {one.title}"
        text += "\n\n"
        entities.append(MessageEntity(MessageEntity.BOLD, units(text), units(title)))
        text += f"{title}\n"
        entities.append(MessageEntity(MessageEntity.CODE, units(text), units(one.prompt)))
        text += one.prompt
    return Piece(text, tuple(entities))
