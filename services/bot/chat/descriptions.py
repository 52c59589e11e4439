"""Prompts for a picture → one message, with a button for each. Pure."""

from html import unescape

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.texts.markdown import Piece
from services.bot.texts.utf16 import units
from shared.errands import Errand, PromptFor


def prompts_of(errand: Errand) -> list[PromptFor]:
    """What an errand brought home; none where it didn't end well."""
    return [PromptFor(**one) for one in (errand.result or {}).get("prompts", ())]


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


def under_description(errand: Errand) -> InlineKeyboardMarkup | None:
    """A button for each prompt; they carry the errand's id and the prompt's number, from 1."""
    rows = [
        [
            InlineKeyboardButton(
                f"🎨 {number}. {one.title}", callback_data=keyboards.data(keyboards.LIKE, errand.id, str(number))
            )
        ]
        for number, one in enumerate(prompts_of(errand), 1)
    ]
    return InlineKeyboardMarkup(rows) if rows else None
