"""The pages of ``/settings``: what they say, and their buttons. Stateless and pure."""

import math

from babel import Locale
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.settings.exact_values import PRESETS, OutOfRange, Unreadable, presets, read_number
from services.bot.telegram.callback_data import SETTINGS, code_of, of_page
from services.bot.texts.button_rows import cut, in_rows
from services.bot.texts.locales import as_read, languages, say
from services.bot.texts.number_format import number
from services.bot.texts.paging import MARK, part
from shared.catalogue import Catalogue
from shared.chat_models import ChatModel, ChatModels
from shared.preferences import RATIOS, Preferences
from shared.samples import Sheet
from shared.styles import Styles

HOME, ADVANCED, RESET = "home", "more", "reset"
NONE, ASK, WHY, SURE, ON, OFF = "-", "ask", "why", "sure", "on", "off"
LABELS = {
    "chat_model": "settings_chat_model",
    "image_model": "settings_image_model",
    "temperature": "settings_temperature",
    "top_p": "settings_top_p",
    "top_k": "settings_top_k",
    "prompt_tokens": "settings_prompt_tokens",
    "output_tokens": "settings_output_tokens",
    "ratio": "settings_ratio",
    "style": "settings_style",
    "as_file": "settings_as_file",
    "rewriting": "settings_rewriting",
    "photos": "settings_photos",
    "language": "settings_language",
}
ABOUT = {"temperature": "settings_about_temperature", "top_p": "settings_about_top_p", "top_k": "settings_about_top_k"}
SWITCHES = ("as_file", "rewriting", "photos")
FIRST = ("image_model", "ratio", "style", "as_file", "language")  # on the first page; all others are advanced
CHECKED, UNCHECKED = "✅", "☐"
A_ROW = 4
A_PAGE = 10  # models or styles
NUMBERS_A_ROW = 5  # of what a sheet shows: so the sheet stays in sight above its buttons
SERVED = "🟢"  # a provider serves this image model right now


class Menu:
    """The pages of one installation."""

    def __init__(self, catalogue: Catalogue, chat_models: ChatModels, styles: Styles) -> None:
        self._catalogue = catalogue
        self._chat_models = chat_models
        self._styles = styles

    def chat_model(self, chosen: Preferences) -> ChatModel:
        """The chat model that writes: the chosen one, or the owner's."""
        return self._chat_models.model(chosen.chat_model)

    def change(self, page: str, choice: str, chosen: Preferences) -> dict[str, object] | None:
        """What a button chooses; None where it only opens a page, or what it names is no longer there."""
        if page not in LABELS or not choice or choice in {ASK, WHY} or choice.startswith(MARK):
            return None
        if choice == NONE:
            return {page: Preferences.model_fields[page].get_default()}
        if page in SWITCHES:
            return {page: choice == ON}
        if page in PRESETS:
            try:
                return {page: read_number(page, choice, self.chat_model(chosen))}
            except (Unreadable, OutOfRange):
                return None
        if page == "ratio":
            width, _, height = choice.partition(":")
            return {page: (int(width), int(height))} if choice in RATIOS else None
        value = next((one for one in self._choices(page) if _code(page, one) == choice), None)
        return {page: value} if value else None

    def page(
        self, page: str, choice: str, chosen: Preferences, language: str, *, private: bool, sheet: Sheet | None = None
    ) -> tuple[str, InlineKeyboardMarkup]:
        """What a page says, and its buttons; those of what a sheet shows have its numbers."""
        if sheet is not None:
            text = f"{self._line(page, chosen, language)}\n{say('settings_sheet', language)}"
        else:
            text = self._text(page, choice, chosen, language, private=private)
        return text, self._keyboard(page, choice, chosen, language, private=private, sheet=sheet)

    def _text(self, page: str, choice: str, chosen: Preferences, language: str, *, private: bool) -> str:
        if page == RESET:
            return say("settings_reset_sure", language)
        if page in LABELS and page not in SWITCHES:
            about = [say(ABOUT[page], language)] if page in ABOUT and choice == WHY else []
            if page == "image_model" and any(model.served for model in self._catalogue):
                about = [say("settings_about_served", language, mark=SERVED)]
            return "\n\n".join([self._line(page, chosen, language), *about])
        if page == ADVANCED or page in set(LABELS) - set(FIRST):
            return say("settings_title_advanced", language)
        return say("settings_title" if private else "settings_title_group", language)

    def _keyboard(
        self, page: str, choice: str, chosen: Preferences, language: str, *, private: bool, sheet: Sheet | None
    ) -> InlineKeyboardMarkup:
        is_first = page in FIRST or page == ADVANCED
        back = [_button(say("button_back", language), HOME if is_first else ADVANCED)]
        if page == RESET:
            return InlineKeyboardMarkup([[_button(say("button_reset_sure", language), RESET, SURE)], back])
        if page == ADVANCED or page in set(SWITCHES) - set(FIRST):
            return self._advanced(chosen, language)
        if page not in LABELS or page in SWITCHES:
            return self._home(chosen, language, private=private)
        offers = self._offers(page, chosen, language)
        a_page, a_row = A_PAGE, A_ROW if page in PRESETS or page == "ratio" else 2
        if sheet is not None:
            # What the sheet does not show has its name, on the pages after.
            offers.sort(key=lambda offer: sheet.number(str(offer[0])) or math.inf)
            offers = [(value, _numbered(label, sheet.number(str(value))), code) for value, label, code in offers]
            a_page, a_row = max(A_PAGE, len(sheet.names)), NUMBERS_A_ROW
        near = next((place for place, (value, _, _) in enumerate(offers) if value == getattr(chosen, page)), 0)
        shown = part(offers, choice, a_page, near=near)
        buttons = [
            _button(f"✓ {label}" if value == getattr(chosen, page) else label, page, code)
            for value, label, code in shown.things
        ]
        own = "settings_telegrams" if page == "language" else "settings_usual"
        last = [_button(say(own, language), page, NONE)]
        if page in PRESETS:
            last.append(_button(say("button_exact", language), page, ASK))
        if page in ABOUT and choice != WHY:
            last.append(_button("?", page, WHY))
        turns = shown.turns(lambda turn: of_page(SETTINGS, page, turn))
        return InlineKeyboardMarkup([*in_rows(buttons, a_row), *([turns] if turns else []), *in_rows(last, 3), back])

    def value(self, name: str, chosen: Preferences, language: str) -> str:
        """A choice in words."""
        value = getattr(chosen, name)
        if name in SWITCHES:
            return say("settings_on" if value else "settings_off", language)
        if name == "language":
            return _own_name(value) if value else say("settings_telegrams", language)
        if not self.chat_model(chosen).takes(name):
            return say("settings_unused", language)
        if name == "image_model":
            return self._catalogue.wished(value).name
        if name == "chat_model":
            return self.chat_model(chosen).name
        if value is None:
            return say("settings_usual", language)
        if name in PRESETS:
            return number(value, language, grouped=False)
        return f"{value[0]}:{value[1]}" if name == "ratio" else str(value)

    def _home(self, chosen: Preferences, language: str, *, private: bool) -> InlineKeyboardMarkup:
        # In a group everybody reads their own language.
        names = (name for name in FIRST if private or name != "language")
        rows = [[self._row(name, chosen, language)] for name in names]
        return InlineKeyboardMarkup([*rows, [_button(say("button_advanced", language), ADVANCED)]])

    def _advanced(self, chosen: Preferences, language: str) -> InlineKeyboardMarkup:
        """What few people change; what the chosen chat model doesn't use isn't there."""
        names = (name for name in LABELS if name not in FIRST and self.chat_model(chosen).takes(name))
        rows = [[self._row(name, chosen, language)] for name in names]
        reset, back = _button(say("button_reset", language), RESET), _button(say("button_back", language), HOME)
        return InlineKeyboardMarkup([*rows, [reset], [back]])

    def _row(self, name: str, chosen: Preferences, language: str) -> InlineKeyboardButton:
        """A choice as it stands. A switch sends what it will be: pressed twice it is the same."""
        if name in SWITCHES:
            is_on = bool(getattr(chosen, name))
            label = f"{say(LABELS[name], language)} {CHECKED if is_on else UNCHECKED}"
            return _button(label, name, OFF if is_on else ON)
        return _button(cut(as_read(self._line(name, chosen, language))), name)

    def _line(self, name: str, chosen: Preferences, language: str) -> str:
        value = self.value(name, chosen, language)
        return say("settings_line", language, name=say(LABELS[name], language), value=value)

    def _choices(self, page: str) -> list[str]:
        return {
            "chat_model": [model.name for model in self._chat_models.offered()],
            "image_model": [model.id for model in self._catalogue.offered()],
            "style": [style.name for style in self._styles],
            "language": list(languages()),
        }.get(page, [])

    def _offers(self, page: str, chosen: Preferences, language: str) -> list[tuple[object, str, str]]:
        """Value, label and code of each button."""
        if page in PRESETS:
            choices = presets(page, self.chat_model(chosen))
            return [(one, number(one, language, grouped=False), f"{one:g}") for one in choices]
        if page == "ratio":
            return [(tuple(int(side) for side in ratio.split(":")), ratio, ratio) for ratio in RATIOS]
        return [(one, self._label(page, one), _code(page, one)) for one in self._choices(page)]

    def _label(self, page: str, one: str) -> str:
        if page == "language":
            return _own_name(one)
        if page != "image_model":
            return one
        model = self._catalogue.wished(one)
        return f"{model.name} {SERVED}" if model.served else model.name


def _numbered(label: str, number: int | None) -> str:
    """A button's label: the number in the sheet, which has the name as well."""
    return label if number is None else str(number)


def _code(page: str, one: str) -> str:
    """What stands for a choice in a button's data."""
    return code_of(one) if page in {"chat_model", "image_model"} else one


def _own_name(language: str) -> str:
    name = Locale.parse(language).get_display_name() or language
    return name[0].upper() + name[1:]


def _button(label: str, page: str, choice: str = "") -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=of_page(SETTINGS, page, choice))
