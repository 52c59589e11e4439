"""Every sentence a person reads."""

import html
import tomllib
from functools import cache
from importlib.resources import files

DEFAULT = "en"


def say(key: str, language: str, **values: object) -> str:
    """Say something in a person's language.

    Args:
        key: The sentence's name in the catalogue; an error's ``reason`` is one.
        language: IETF tag; a language that we don't speak is answered in English.
        values: What goes into the sentence's gaps; escaped here.

    Returns:
        Telegram HTML.
    """
    sentences = _catalogue(language.partition("-")[0]) or _catalogue(DEFAULT)
    sentence = sentences.get(key) or _catalogue(DEFAULT)[key]
    return sentence.format(**{name: html.escape(str(value), quote=False) for name, value in values.items()})


@cache
def _catalogue(language: str) -> dict[str, str]:
    source = files(__name__) / f"{language}.toml"
    if not language.isalpha() or not source.is_file():
        return {}
    return tomllib.loads(source.read_text(encoding="utf-8"))
