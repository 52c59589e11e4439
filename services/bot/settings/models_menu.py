"""The pages of ``/models``: what there is, what each can do, and buttons to make one the usual one. Pure."""

from dataclasses import dataclass
from html import escape

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.locales import say
from services.bot.pictures.keyboards import code_of
from services.bot.texts.button_rows import in_rows
from services.bot.texts.paging import Part, part
from shared.catalogue import Catalogue, Model
from shared.chat_models import ChatModel, ChatModels
from shared.preferences import Preferences

START = "models"  # of each button's data; the list follows, and a page of it or a model
IMAGE, CHAT, GONE = "image", "chat", "gone"
LISTS = {IMAGE: "models_image", CHAT: "models_chat", GONE: "models_gone"}
TITLES = {IMAGE: "models_title_image", CHAT: "models_title_chat", GONE: "models_title_gone"}
CHOICE = {IMAGE: "image_model", CHAT: "chat_model"}  # the preference that a list is for
A_PAGE = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in a list; nobody can choose one without an id."""

    id: str | None
    name: str
    about: str


def read(text: str | None) -> tuple[str, str]:
    """Read a button's data: the list, and what was chosen in it."""
    _, _, rest = (text or "").partition(" ")
    listed, _, choice = rest.partition(" ")
    return (listed if listed in LISTS else IMAGE), choice


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
        usual = self._usual(listed, chosen)
        entries = self._entries(listed, language)
        near = next((place for place, one in enumerate(entries) if one.id is not None and one.id == usual), 0)
        shown = part(entries, choice, A_PAGE, near=near)
        title = say(TITLES[listed], language)
        texts = [f"{_name(one, usual)}\n{one.about}" for one in shown.things] or [say("models_none", language)]
        return "\n\n".join([title, *texts]), self._keyboard(listed, shown, usual, language)

    def _keyboard(self, listed: str, shown: Part[Entry], usual: str | None, language: str) -> InlineKeyboardMarkup:
        buttons = [
            _button(f"✓ {one.name}" if one.id == usual else one.name, listed, code_of(one.id))
            for one in shown.things
            if one.id is not None
        ]
        turns = shown.turns(lambda turn: f"{START} {listed} {turn}")
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
            # Those that won't come back first: whoever looks here looks for their successors.
            gone = sorted((one for one in self._catalogue if not one.offered), key=lambda one: not one.retired)
            return [Entry(None, one.name, self._of_gone(one, language)) for one in gone]
        return [Entry(one.id, one.name, _of_image_model(one, language)) for one in self._catalogue.offered()]

    def _of_gone(self, model: Model, language: str) -> str:
        successor = self._catalogue.replacement(model.id)
        if successor is None:
            return say("models_unserved", language)
        return say("models_retired", language, successor=self._catalogue.model(successor).name)


def _of_image_model(model: Model, language: str) -> str:
    facts = (
        say("models_tags" if model.dialect == "tags" else "models_prose", language),
        say("models_size", language, width=model.width, height=model.height, most=model.max_side),
        say("models_negative" if model.takes_negative else "models_no_negative", language),
        _steps(model, language),
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
    return InlineKeyboardButton(label, callback_data=f"{START} {listed} {choice}".rstrip())
