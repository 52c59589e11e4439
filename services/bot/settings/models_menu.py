"""Writes the pages of ``/models``: the list, a model's details, and buttons to choose one. Pure."""

from dataclasses import dataclass
from html import escape

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.telegram.callback_data import MODELS, code_of, of_page, read_page
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from services.bot.texts.paging import Part, part
from services.bot.texts.utf16 import shorten
from shared.catalogue import Catalogue, Model
from shared.chat_models import ChatModel, ChatModels
from shared.preferences import Preferences

IMAGE, CHAT, GONE = "image", "chat", "gone"
LISTS = {IMAGE: "models_image", CHAT: "models_chat", GONE: "models_gone"}
TITLES = {IMAGE: "models_title_image", CHAT: "models_title_chat", GONE: "models_title_gone"}
CHOICE = {IMAGE: "image_model", CHAT: "chat_model"}  # the preference that a list is for
A_PAGE = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in a list; nobody can choose one without an id.

    Attributes:
        about: In a few words, for the list.
        detail: All there is to say; empty where that is the same.
    """

    id: str | None
    name: str
    about: str
    detail: str = ""


ABOUT = "about"  # one model's page; the choice says whose
GOOD_FOR = {
    "drafts": "models_good_drafts",
    "detail": "models_good_detail",
    "lettering": "models_good_lettering",
    "illustration": "models_good_illustration",
}
MAX_FOUND = 8
WORDS_SHOWN = 40  # UTF-16 units


def read(text: str | None) -> tuple[str, str]:
    """Read a button's data: the list, and what was chosen in it."""
    listed, choice = read_page(text)
    return (listed if listed in LISTS or listed == ABOUT else IMAGE), choice


class ModelsMenu:
    """The pages of one installation."""

    def __init__(self, catalogue: Catalogue, chat_models: ChatModels) -> None:
        self._catalogue = catalogue
        self._chat_models = chat_models

    def change(self, listed: str, choice: str) -> dict[str, str] | None:
        """What a button chooses; None where it turns a page, or what it names is no longer there."""
        entries = self._entries(listed, "en") if listed in CHOICE else []
        chosen = next((one.id for one in entries if one.id and code_of(one.id) == choice), None)
        return {CHOICE[listed]: chosen} if chosen else None

    def page(self, listed: str, choice: str, chosen: Preferences, language: str) -> tuple[str, InlineKeyboardMarkup]:
        """What a page says, and its buttons."""
        if listed == ABOUT:
            return self._about(choice, chosen, language)
        usual = self._usual(listed, chosen)
        entries = self._entries(listed, language)
        near = next((place for place, one in enumerate(entries) if one.id is not None and one.id == usual), 0)
        shown = part(entries, choice, A_PAGE, near=near)
        title = say(TITLES[listed], language)
        lines = [_line(one, usual) for one in shown.things] or [say("models_none", language)]
        return "\n".join([title, "", *lines]), self._keyboard(listed, shown, usual, language)

    def search(self, words: str, chosen: Preferences, language: str) -> tuple[str, InlineKeyboardMarkup]:
        """The image models whose names fit some words, else those that are most like them; then all."""
        found = [model for model in self._catalogue.find_by_name(words) if model.offered]
        models = found or self._catalogue.find_nearest(words, MAX_FOUND)
        entries = [_entry(model, language) for model in models[:MAX_FOUND]]
        usual = self._usual(IMAGE, chosen)
        lines = [_line(one, usual) for one in entries] or [say("models_none", language)]
        rows = in_rows([_about_button(one, usual) for one in entries if one.id is not None], 2)
        back = [_button(say("button_back", language), IMAGE)]
        text = "\n".join([say("models_found", language, words=shorten(words, WORDS_SHOWN)), "", *lines])
        return text, InlineKeyboardMarkup([*rows, back])

    def _about(self, code: str, chosen: Preferences, language: str) -> tuple[str, InlineKeyboardMarkup]:
        """All that is to be said of one model, and the button that makes it the usual one."""
        for listed in CHOICE:
            for one in self._entries(listed, language):
                if one.id is not None and code_of(one.id) == code:
                    use = _button(say("button_use_model", language), listed, code)
                    back = _button(say("button_back", language), listed)
                    text = f"{_name(one, self._usual(listed, chosen))}\n{one.detail or one.about}"
                    return text, InlineKeyboardMarkup([[use], [back]])
        return self.page(IMAGE, "", chosen, language)

    def _keyboard(self, listed: str, shown: Part[Entry], usual: str | None, language: str) -> InlineKeyboardMarkup:
        buttons = [_about_button(one, usual) for one in shown.things if one.id is not None]
        turns = shown.turns(lambda turn: of_page(MODELS, listed, turn))
        others = [_button(say(key, language), name) for name, key in LISTS.items() if name != listed]
        return InlineKeyboardMarkup([*in_rows(buttons, 2), *([turns] if turns else []), *in_rows(others, 2)])

    def _usual(self, listed: str, chosen: Preferences) -> str | None:
        return {
            IMAGE: self._catalogue.wished(chosen.image_model).id,
            CHAT: self._chat_models.model(chosen.chat_model).name,
        }.get(listed)

    def _entries(self, listed: str, language: str) -> list[Entry]:
        if listed == CHAT:
            return [Entry(one.name, one.name, _of_chat_model(one, language)) for one in self._chat_models.offered()]
        if listed == GONE:
            # Those that won't come back first: people look here for their successors.
            gone = sorted((one for one in self._catalogue if not one.offered), key=lambda one: not one.retired)
            return [Entry(None, one.name, self._of_gone(one, language)) for one in gone]
        return [_entry(one, language) for one in self._catalogue.offered()]

    def _of_gone(self, model: Model, language: str) -> str:
        successor = self._catalogue.replacement(model.id)
        if successor is None:
            return say("models_unserved", language)
        return say("models_retired", language, successor=self._catalogue.model(successor).name)


def _entry(model: Model, language: str) -> Entry:
    """A line of the list: how fast it is, what it is good for, whether it takes photos."""
    facts = [say("models_fast", language)] if model.is_fast else []
    if model.good_for in GOOD_FOR:
        facts.append(say(GOOD_FOR[model.good_for], language))
    if model.starting:
        facts.append(say("models_photos", language))
    return Entry(model.id, model.name, " · ".join(facts), _of_image_model(model, language))


def _line(entry: Entry, usual: str | None) -> str:
    name, about = _name(entry, usual), entry.about.replace("\n", " · ")
    return f"{name}: {about}" if about else name


def _about_button(entry: Entry, usual: str | None) -> InlineKeyboardButton:
    label = f"✓ {entry.name}" if entry.id == usual else entry.name
    return _button(label, ABOUT, code_of(entry.id or ""))


def _of_image_model(model: Model, language: str) -> str:
    facts = (
        say("models_tags" if model.dialect == "tags" else "models_prose", language),
        say("models_size", language, width=model.width, height=model.height, most=model.max_side),
        say("models_negative" if model.takes_negative else "models_no_negative", language),
        _steps(model, language),
        *([say("models_photos", language)] if model.starting else []),
    )
    return "\n".join([_state(model, language), " · ".join(facts)])


def _steps(model: Model, language: str) -> str:
    if model.steps is None:
        return say("models_no_steps", language)
    steps = model.steps
    return say("models_steps", language, least=steps.least, usual=steps.usual, n=steps.most)


def _state(model: Model, language: str) -> str:
    if model.served is None:
        return say("models_state_unknown", language)
    if not model.providers:
        return say("models_served_here", language)
    return say("models_served", language, providers=", ".join(model.providers))


def _of_chat_model(model: ChatModel, language: str) -> str:
    sampling = "models_sampling" if model.family.sampling else "models_no_sampling"
    return "\n".join([say("models_answers", language, n=model.output_tokens), say(sampling, language)])


def _name(entry: Entry, usual: str | None) -> str:
    mark = "✓ " if entry.id is not None and entry.id == usual else ""
    return f"{mark}<b>{escape(entry.name)}</b>"


def _button(label: str, listed: str, choice: str = "") -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=of_page(MODELS, listed, choice))
