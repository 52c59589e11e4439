"""``/start``, ``/help`` with its topics, and what is said to those who say something else."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from services.bot.access.standing import is_from_manager
from services.bot.help.command_menus import IN_PRIVATE
from services.bot.locales import say
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.commands import command_of
from services.bot.texts.button_rows import in_rows
from shared.batches import COLUMNS, MAX_LINES
from shared.catalogue import MOST_NAMED, Catalogue
from shared.ideas import MAX_COUNT, MAX_IDEA_LENGTH
from shared.styles import Styles

TOPICS = ("pictures", "imagine", "batch", "talk", "settings")
FIRST = "help"  # what stands before a topic is chosen
A_ROW = 2  # buttons
PRESSES = rf"^help ({FIRST}|{'|'.join(TOPICS)})$"
# A link to a topic: https://t.me/NAME?start=help-batch
LINKS = re.compile(rf"^/start\S* help-({'|'.join(TOPICS)})$")


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer ``/start``: say hello and what to type."""
    message = update.effective_message
    if message is not None:
        language = sender_of(message).language
        where = answer(address_of(message, context.bot.id))
        await context.bot.send_message(text=say("start", language), reply_markup=_topics(language), **where)


async def hint(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer anything else in a private chat with the one thing to type."""
    message = update.effective_message
    if message is None:
        return
    language, typed = sender_of(message).language, command_of(message)
    text = say("hint", language)
    if typed and (nearest := get_close_matches(typed.removeprefix("/").casefold(), IN_PRIVATE, 1)):
        text = say("unknown_command", language, command=typed, nearest=f"/{nearest[0]}")
    await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))


class Help:
    """Tells what one can do here, and with what: one message, whose buttons lead from topic to topic."""

    def __init__(self, catalogue: Catalogue, styles: Styles, *, batch_pictures: int) -> None:
        """Tell of batches of up to so many pictures."""
        self._batch_pictures = batch_pictures
        self._catalogue = catalogue
        self._styles = styles
        self._say_of: dict[str, Callable[[str], str]] = {
            FIRST: lambda language: say("help", language),
            "pictures": lambda language: say("help_pictures", language, most=MAX_IDEA_LENGTH),
            "imagine": self._say_of_imagine,
            "batch": self._say_of_batch,
            "talk": lambda language: say("help_talk", language),
            "settings": lambda language: say("help_settings", language),
        }

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/help``, ``/help imagine`` and the like, and a link to a topic."""
        message = update.effective_message
        if message is None:
            return
        word = (context.args or [""])[0].removeprefix("help-").lstrip("/").casefold()
        topic = word if word in TOPICS else FIRST
        language = sender_of(message).language
        await context.bot.send_message(
            text=self._text(topic, language, is_private=message.chat.type == ChatType.PRIVATE),
            reply_markup=_buttons(topic, language),
            **answer(address_of(message, context.bot.id)),
        )

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Put another topic into the message whose button was pressed; for whoever pressed it."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        topic = str(query.data).partition(" ")[2]
        language = query.from_user.language_code or "en"
        await acknowledge(query)
        text = self._text(topic, language, is_private=query.message.chat.type == ChatType.PRIVATE)
        await rewrite(context.bot, query, text, _buttons(topic, language))

    def _text(self, topic: str, language: str, *, is_private: bool) -> str:
        text = self._say_of[topic](language)
        for_managers = topic == FIRST and is_private and is_from_manager()
        return f"{text}\n\n{say('help_managers', language)}" if for_managers else text

    def _say_of_imagine(self, language: str) -> str:
        default = self._catalogue.wished(None)
        others = (model.name for model in self._catalogue.offered(MOST_NAMED) if model.id != default.id)
        return say(
            "help_imagine",
            language,
            most=MAX_COUNT,
            default=default.name,
            models=", ".join((default.name, *others)),
            styles=", ".join(style.name for style in self._styles),
        )

    def _say_of_batch(self, language: str) -> str:
        return say("help_batch", language, columns=", ".join(COLUMNS), lines=MAX_LINES, pictures=self._batch_pictures)


def _buttons(topic: str, language: str) -> InlineKeyboardMarkup:
    if topic == FIRST:
        return _topics(language)
    back = InlineKeyboardButton(say("button_help_back", language), callback_data=f"help {FIRST}")
    return InlineKeyboardMarkup([[back]])


def _topics(language: str) -> InlineKeyboardMarkup:
    buttons = [
        InlineKeyboardButton(say(f"button_help_{topic}", language), callback_data=f"help {topic}") for topic in TOPICS
    ]
    return InlineKeyboardMarkup(in_rows(buttons, A_ROW))
