"""Finds what a person means by a part of its name. Pure."""

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def meant_by(words: str, things: Iterable[T], names_of: Callable[[T], Iterable[str]]) -> list[T]:
    """Things whose name is, else begins with, else contains the words.

    Case, accents, spaces and punctuation don't count: ``flux1dev`` means ``FLUX.1-dev``. Between several names that
    read alike, the one that is spelt the same is meant.

    Returns:
        One thing if the words are clear, several if not; none for words that fit nothing.
    """
    wanted = _letters(words)
    if not wanted:
        return []
    known = [(thing, [_letters(name) for name in names_of(thing)]) for thing in things]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        found = [thing for thing, names in known if any(fits(name, wanted) for name in names)]
        if found:
            return _spelt(words, found, names_of) or found
    return []


def _spelt(words: str, things: list[T], names_of: Callable[[T], Iterable[str]]) -> list[T]:
    return [thing for thing in things if words in names_of(thing)]


@lru_cache(maxsize=512)  # The names are the same each time; the words are a person's, so they must not pile up.
def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())
