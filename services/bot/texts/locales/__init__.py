"""Every sentence a person reads: gettext catalogues, a folder a language, a file a subject.

Sentences go by names (``status_next``), so that a better wording in English leaves the translations in place.
"""

import gettext
import html
import io
import re
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from unicodedata import bidirectional

from babel.core import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

DEFAULT = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})  # Babel would read all data of a language to tell
MANY = 1_000  # tags of languages; Telegram's apps name some hundred
_INSERTED = re.compile(
    r"<(?P<tag>code|pre)>.*?</(?P=tag)>"
    r"|•*\{\w+\}"
    r"|(?<![\w/<])[/—][a-z]+(?: [a-z]+)?",  # a command, perhaps with its topic, or a parameter
    re.DOTALL,
)
_TAG = re.compile(r"<[^>]*>")


def say(key: str, language: str, **values: object) -> str:
    """Say something in a person's language.

    Args:
        key: The sentence's name in the catalogue; an error's ``reason`` is one.
        language: IETF tag; a language that we don't speak is answered in English.
        values: What goes into the sentence's gaps; escaped here. Whole numbers are written as the language writes
            them, and one named ``n`` chooses the plural. A number that people are to type comes as text.

    Returns:
        Telegram HTML.
    """
    spoken_language, n = spoken(language), values.get("n")
    sentence = _sentence(key, spoken_language, n if isinstance(n, int) else None)
    return sentence.format(**{name: _written(value, spoken_language) for name, value in values.items()})


def _written(value: object, language: str) -> str:
    if isinstance(value, int):
        return format_decimal(value, locale=language)
    return html.escape(str(value), quote=False)


@lru_cache(MANY)
def spoken(language: str) -> str:
    """The language of ours that is nearest to a person's: ``pt`` and ``pt-PT`` become ``pt_BR``."""
    wish = language.replace("_", "-").lower()
    ours = {name.replace("_", "-").lower(): name for name in languages()}
    by_main_part = {name.partition("-")[0]: full for name, full in ours.items()}
    found = negotiate_locale([wish], list(ours), sep="-") or wish.partition("-")[0]
    return ours.get(found) or by_main_part.get(found, DEFAULT)


@cache
def languages() -> tuple[str, ...]:
    """The languages that we speak, as gettext names them (``pt_BR``)."""
    return tuple(sorted(folder.name for folder in files(__name__).iterdir() if _files(folder.name)))


def is_said(key: str, text: str) -> bool:
    """Whether a text is one of our sentences, in any of our languages; for sentences without gaps and markup."""
    return any(text == html.unescape(say(key, language)) for language in languages())


def as_read(sentence: str) -> str:
    """Telegram HTML as people read it, and as Telegram gives it back: without tags, entities read."""
    return html.unescape(_TAG.sub("", sentence))


def isolated(sentence: str) -> str:
    """Keep what is inserted into a sentence that runs from right to left from mixing with its order.

    The marks stand outside of code: that is copied into commands.
    """
    first_letter = next(filter(str.isalpha, _TAG.sub("", _INSERTED.sub("", sentence))), "")
    # Readers' programs take a line's direction from its first letter; there may be none, or a foreign one.
    direction = "" if bidirectional(first_letter or "-") in {"R", "AL"} else "\u200f"
    return direction + _INSERTED.sub("\u2068\\g<0>\u2069", sentence)


@cache
def _sentence(key: str, language: str, n: int | None) -> str:
    for translations in (_translations(language), _translations(DEFAULT)):
        plural = key if n is None else translations.ngettext(key, key, n)
        found = translations.gettext(key) if plural == key else plural
        if found != key:
            return isolated(found) if language.partition("_")[0] in RIGHT_TO_LEFT else found
    raise KeyError(key)


@cache  # A language is read when somebody first speaks it: that takes some 20 ms.
def _translations(language: str) -> gettext.GNUTranslations:
    whole = Catalog(locale=language)
    for file in _files(language):
        for message in read_po(io.BytesIO(file.read_bytes()), locale=language):
            if message.id:
                whole[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _files(language: str) -> list[Traversable]:
    folder = files(__name__) / language
    return [file for file in folder.iterdir() if file.name.endswith(".po")] if folder.is_dir() else []
