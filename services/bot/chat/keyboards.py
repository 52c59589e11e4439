"""The buttons under answers: each carries what to do, an errand's id, and perhaps the number of a prompt. Pure."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.chat.descriptions import prompts_of
from services.bot.telegram import callback_data as data
from services.bot.texts.locales import say
from shared.errands import Errand


def while_answering(errand: Errand) -> InlineKeyboardMarkup:
    """What can be done with an answer that is being written."""
    return _one("button_stop", errand, data.STOP)


def under_answer(errand: Errand) -> InlineKeyboardMarkup:
    """What can be done with an answer."""
    return _one("button_draw", errand, data.DRAW)


def how_many(errand: Errand, count: int, few: int) -> list[InlineKeyboardButton]:
    """Buttons for all of the pictures that were asked for, or for fewer."""
    return [
        InlineKeyboardButton(
            say(key, errand.sender.language, n=number),
            callback_data=data.of_record(data.DRAW_MANY, errand.id, str(number)),
        )
        for key, number in (("button_many_all", count), ("button_many_few", few))
    ]


def under_description(errand: Errand) -> InlineKeyboardMarkup | None:
    """A button for each prompt; they carry the errand's id and the prompt's number, from 1."""
    rows = [
        [
            InlineKeyboardButton(
                f"🎨 {number}. {one.title}", callback_data=data.of_record(data.LIKE, errand.id, str(number))
            )
        ]
        for number, one in enumerate(prompts_of(errand), 1)
    ]
    return InlineKeyboardMarkup(rows) if rows else None


def _one(key: str, errand: Errand, action: str) -> InlineKeyboardMarkup:
    label = say(key, errand.sender.language)
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=data.of_record(action, errand.id))]])
