"""The pages of ``/settings``: what they say, and their buttons. Stateless and pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from babel import Locale
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from services.bot.keyboards import RATIOS, code_of
from services.bot.locales import languages, say
from shared.catalogue import Catalogue
from shared.preferences import (
    LEAST_OUTPUT_TOKENS,
    LEAST_PROMPT_TOKENS,
    MAX_OUTPUT_TOKENS,
    MAX_PROMPT_TOKENS,
    MAX_TEMPERATURE,
    MAX_TOP_K,
    Preferences,
)
from shared.styles import Styles

START = "set"  # of each button's data; the page follows, and what was chosen there
HOME, RESET = "home", "reset"
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
    "language": "settings_language",
}
ABOUT = {"temperature": "settings_about_temperature", "top_p": "settings_about_top_p", "top_k": "settings_about_top_k"}
SWITCHES = ("as_file", "rewriting")
PRESETS: dict[str, tuple[float, ...]] = {
    "temperature": (0, 0.3, 0.5, 0.7, 0.9, 1, 1.5, 2),
    "top_p": (0.5, 0.8, 0.9, 0.95, 1),
    "top_k": (1, 10, 20, 40, 64),
    "prompt_tokens": (40, 80, 160, 320),
    "output_tokens": (512, 1024, 2048, 4096, 8192),
}
A_ROW = 4
MODELS = 30  # on a page; the others can be named with an idea
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,6})?")


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model to choose; ``sampling`` tells whether it takes temperature, top-p and top-k."""

    name: str
    sampling: bool = True


# The good ones first. What the owner chose writes where nobody chose.
CHAT_MODELS = (
    ChatModel("gemini-3.8-flash", sampling=False),
    ChatModel("gemini-3.7-flash", sampling=False),
    ChatModel("gemini-3.6-flash", sampling=False),
    ChatModel("gemini-3.5-flash"),
    ChatModel("gemini-3.5-flash-lite"),
    ChatModel("gemini-3.1-flash-lite"),
    ChatModel("gemini-3.1-pro-preview"),
)


class Unreadable(Exception):
    """What was typed is no number."""


class OutOfRange(Exception):
    """A number that can't be chosen."""


def data(page: str, choice: str = "") -> str:
    """Write a button's data, at most 64 bytes."""
    return f"{START} {page} {choice}".rstrip()


def read(text: str | None) -> tuple[str, str]:
    """Read a button's data back: page and choice."""
    _, _, rest = (text or "").partition(" ")
    page, _, choice = rest.partition(" ")
    return page, choice


def limits(name: str) -> tuple[float, float]:
    """The least and the most of a number that can be chosen."""
    return {
        "temperature": (0.0, MAX_TEMPERATURE),
        "top_p": (0.0, 1.0),
        "top_k": (1, MAX_TOP_K),
        "prompt_tokens": (LEAST_PROMPT_TOKENS, MAX_PROMPT_TOKENS),
        "output_tokens": (LEAST_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
    }[name]


def read_number(name: str, typed: str) -> float:
    """Read a number for a preference as it was typed, ``0,7`` or ``0.7``.

    Raises:
        Unreadable, OutOfRange: It can't be chosen.
    """
    typed = typed.strip()
    if not _NUMBER.fullmatch(typed):
        raise Unreadable
    number = float(typed.replace(",", "."))
    least, most = limits(name)
    if not least <= number <= most:
        raise OutOfRange
    if name in {"temperature", "top_p"}:
        return number
    if not number.is_integer():
        raise Unreadable
    return int(number)


class Menu:
    """The pages of one installation."""

    def __init__(self, catalogue: Catalogue, styles: Styles) -> None:
        self._catalogue = catalogue
        self._styles = styles

    def change(self, page: str, choice: str) -> dict[str, object] | None:
        """What a button chooses; None where it only opens a page, or what it names is no longer there."""
        if page not in LABELS or not choice or choice in {ASK, WHY}:
            return None
        if choice == NONE:
            return {page: Preferences.model_fields[page].get_default()}
        if page in SWITCHES:
            return {page: choice == ON}
        if page in PRESETS:
            try:
                return {page: read_number(page, choice)}
            except (Unreadable, OutOfRange):
                return None
        if page == "ratio":
            width, _, height = choice.partition(":")
            return {page: (int(width), int(height))} if choice in RATIOS else None
        value = next((one for one in self._choices(page) if _code(page, one) == choice), None)
        return {page: value} if value else None

    def text(self, page: str, choice: str, chosen: Preferences, language: str, *, private: bool) -> str:
        """What a page says."""
        if page == RESET:
            return say("settings_reset_sure", language)
        if page in LABELS and page not in SWITCHES:
            about = [say(ABOUT[page], language)] if page in ABOUT and choice == WHY else []
            return "\n\n".join([self._line(page, chosen, language), *about])
        lines = [self._line(name, chosen, language) for name in self._names(private=private)]
        title = say("settings_title" if private else "settings_title_group", language)
        return "\n".join([title, "", *lines])

    def keyboard(
        self, page: str, choice: str, chosen: Preferences, language: str, *, private: bool
    ) -> InlineKeyboardMarkup:
        """The buttons of a page."""
        back = [_button(say("button_back", language), HOME)]
        if page == RESET:
            return InlineKeyboardMarkup([[_button(say("button_reset_sure", language), RESET, SURE)], back])
        if page not in LABELS or page in SWITCHES:
            return self._home(chosen, language, private=private)
        buttons = [
            _button(f"✓ {label}" if value == getattr(chosen, page) else label, page, code)
            for value, label, code in self._offers(page)
        ]
        own = "settings_telegrams" if page == "language" else "settings_usual"
        last = [_button(say(own, language), page, NONE)]
        if page in PRESETS:
            last.append(_button(say("button_exact", language), page, ASK))
        if page in ABOUT and choice != WHY:
            last.append(_button("?", page, WHY))
        a_row = A_ROW if page in PRESETS or page == "ratio" else 2
        return InlineKeyboardMarkup([*_rows(buttons, a_row), last, back])

    def value(self, name: str, chosen: Preferences, language: str) -> str:
        """A choice in words."""
        value = getattr(chosen, name)
        if name in SWITCHES:
            return say("settings_on" if value else "settings_off", language)
        if name == "language":
            return _own_name(value) if value else say("settings_telegrams", language)
        if name in ABOUT and not _takes_sampling(chosen.chat_model):
            return say("settings_unused", language)
        if value is None:
            return self._catalogue.wished(None).name if name == "image_model" else say("settings_usual", language)
        if name == "image_model":
            return self._catalogue.wished(value).name
        return f"{value[0]}:{value[1]}" if name == "ratio" else f"{value:g}" if name in ABOUT else str(value)

    def _home(self, chosen: Preferences, language: str, *, private: bool) -> InlineKeyboardMarkup:
        buttons = []
        for name in self._names(private=private):
            # A switch says what it will be, not what it is: pressed twice it is the same.
            choice = (OFF if getattr(chosen, name) else ON) if name in SWITCHES else ""
            turn = f": {say('settings_on' if choice == ON else 'settings_off', language)}" if choice else ""
            buttons.append(_button(say(LABELS[name], language) + turn, name, choice))
        return InlineKeyboardMarkup([*_rows(buttons, 2), [_button(say("button_reset", language), RESET)]])

    def _line(self, name: str, chosen: Preferences, language: str) -> str:
        value = self.value(name, chosen, language)
        return say("settings_line", language, name=say(LABELS[name], language), value=value)

    def _choices(self, page: str) -> list[str]:
        return {
            "chat_model": [model.name for model in CHAT_MODELS],
            "image_model": [model.id for model in self._catalogue.offered(MODELS)],
            "style": [style.name for style in self._styles],
            "language": list(languages()),
        }.get(page, [])

    def _offers(self, page: str) -> list[tuple[object, str, str]]:
        """Value, label and code of each button."""
        if page in PRESETS:
            return [(number, f"{number:g}", f"{number:g}") for number in PRESETS[page]]
        if page == "ratio":
            return [(tuple(int(side) for side in ratio.split(":")), ratio, ratio) for ratio in RATIOS]
        return [(one, self._label(page, one), _code(page, one)) for one in self._choices(page)]

    def _label(self, page: str, one: str) -> str:
        if page == "language":
            return _own_name(one)
        return self._catalogue.wished(one).name if page == "image_model" else one

    @staticmethod
    def _names(*, private: bool) -> Iterable[str]:
        # In a group everybody reads their own language.
        return (name for name in LABELS if private or name != "language")


def _code(page: str, one: str) -> str:
    """What stands for a choice in a button's data."""
    return code_of(one) if page == "image_model" else one


def _takes_sampling(chat_model: str | None) -> bool:
    return next((model.sampling for model in CHAT_MODELS if model.name == chat_model), chat_model is not None)


def _own_name(language: str) -> str:
    name = Locale.parse(language).get_display_name() or language
    return name[0].upper() + name[1:]


def _button(label: str, page: str, choice: str = "") -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=data(page, choice))


def _rows(buttons: Sequence[InlineKeyboardButton], a_row: int) -> list[Sequence[InlineKeyboardButton]]:
    return [buttons[start : start + a_row] for start in range(0, len(buttons), a_row)]
