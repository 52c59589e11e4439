"""``/start``, ``/help`` with its topics, and the hint for messages that no other handler takes."""

from collections.abc import Callable
from difflib import get_close_matches

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from services.bot.access.standing import is_from_manager
from services.bot.help.command_menus import IN_PRIVATE
from services.bot.telegram import start_links
from services.bot.telegram.callback_data import HELP, SETTINGS, TOPICS, TRY, of_help, of_page, read_help
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.commands import command_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from shared.batches import COLUMNS, MAX_LINES
from shared.catalogue import Catalogue
from shared.ideas import MAX_COUNT, MAX_IDEA_LENGTH
from shared.styles import Styles

A_ROW = 2  # buttons
MEANT = 0.7  # of 1.0; how much a command must look like one of ours to be taken for a slip


async def start(asked: Incoming) -> None:
    """Answer ``/start``: say hello and what to type, with a button that does it."""
    is_private = asked.message.chat.type == ChatType.PRIVATE
    text = say("start" if is_private else "start_group", asked.language)
    await asked.answer(text, _first_buttons(asked.language, is_private=is_private))


def _first_buttons(language: str, *, is_private: bool) -> InlineKeyboardMarkup:
    example = InlineKeyboardButton(say("button_try", language), callback_data=TRY)
    topics = InlineKeyboardButton(say("button_help", language), callback_data=of_help(HELP))
    # In groups everybody reads their own language.
    own_language = InlineKeyboardButton(say("button_language", language), callback_data=of_page(SETTINGS, "language"))
    return InlineKeyboardMarkup([[example], [own_language, topics] if is_private else [topics]])


class HelpHandler:
    """Tells what one can do here, and with what: one message, whose buttons lead from topic to topic."""

    def __init__(self, catalogue: Catalogue, styles: Styles, *, batch_pictures: int) -> None:
        """Offer batches of up to so many pictures."""
        self._batch_pictures = batch_pictures
        self._catalogue = catalogue
        self._styles = styles
        self._say_of: dict[str, Callable[[str], str]] = {
            HELP: lambda language: say("help", language),
            "pictures": lambda language: say("help_pictures", language, most=MAX_IDEA_LENGTH),
            "photos": lambda language: say("help_photos", language),
            "imagine": self._say_of_imagine,
            "batch": self._say_of_batch,
            "talk": lambda language: say("help_talk", language),
            "settings": lambda language: say("help_settings", language),
        }

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/help``, ``/help imagine`` and the like, and a link to a topic."""
        word = next(iter(asked.arguments), "").removeprefix(start_links.HELP).lstrip("/").casefold()
        topic = word if word in TOPICS else HELP
        text = self._text(topic, asked.language, is_private=asked.address.private)
        await asked.answer(text, _buttons(topic, asked.language))

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Put another topic, in the language of the person who pressed, into the message of the button."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        topic = read_help(query.data)
        language = query.from_user.language_code or "en"
        await acknowledge(query)
        text = self._text(topic, language, is_private=query.message.chat.type == ChatType.PRIVATE)
        await rewrite(context.bot, query, text, _buttons(topic, language))

    @for_message
    async def hint(self, asked: Incoming) -> None:
        """Answer anything else in a private chat with the one thing to type."""
        typed = command_of(asked.message)
        if not typed:
            await asked.answer(say("hint", asked.language))
        elif nearest := get_close_matches(typed.removeprefix("/").casefold(), IN_PRIVATE, 1, cutoff=MEANT):
            await asked.answer(say("unknown_command", asked.language, command=typed, nearest=f"/{nearest[0]}"))
        else:
            await asked.answer(say("unknown_command_alone", asked.language, command=typed))

    def _text(self, topic: str, language: str, *, is_private: bool) -> str:
        text = self._say_of[topic](language)
        for_managers = topic == HELP and is_private and is_from_manager()
        return f"{text}\n\n{say('help_managers', language)}" if for_managers else text

    def _say_of_imagine(self, language: str) -> str:
        styles = ", ".join(style.name for style in self._styles)
        default = self._catalogue.wished(None).name
        return say("help_imagine", language, most=MAX_COUNT, default=default, styles=styles)

    def _say_of_batch(self, language: str) -> str:
        return say("help_batch", language, columns=", ".join(COLUMNS), lines=MAX_LINES, pictures=self._batch_pictures)


def _buttons(topic: str, language: str) -> InlineKeyboardMarkup:
    if topic == HELP:
        return _topics(language)
    back = InlineKeyboardButton(say("button_help_back", language), callback_data=of_help(HELP))
    return InlineKeyboardMarkup([[back]])


def _topics(language: str) -> InlineKeyboardMarkup:
    buttons = [
        InlineKeyboardButton(say(f"button_help_{topic}", language), callback_data=of_help(topic)) for topic in TOPICS
    ]
    return InlineKeyboardMarkup(in_rows(buttons, A_ROW))
