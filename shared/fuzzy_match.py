"""Finds what a person means by a part of its name. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

ALIKE = 0.5  # of 1.0; what is less like the words is not offered for them
MAX_COMPARED = 40  # letters of the words


def find_by_name(words: str, things: Iterable[T], names_of: Callable[[T], Iterable[str]]) -> list[T]:
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


def find_nearest(words: str, things: Iterable[T], names_of: Callable[[T], Iterable[str]], limit: int) -> list[T]:
    """Up to so many things whose name is most like the words, the likeliest first; none where hardly any is alike."""
    wanted = _letters(words)[:MAX_COMPARED]
    scored = [(max((_likeness(wanted, name) for name in names_of(thing)), default=0.0), thing) for thing in things]
    alike = [(score, thing) for score, thing in scored if score >= ALIKE]
    return [thing for _, thing in sorted(alike, key=lambda one: -one[0])[:limit]]


def _likeness(wanted: str, name: str) -> float:
    """0 to 1. People may begin with any part of a name, and leave off the rest."""
    if not wanted:
        return 0.0
    parts = [_letters(part) for part in re.findall(r"[^\W_]+", name)]
    starts = ("".join(parts[place:])[: len(wanted)] for place in range(len(parts)))
    return max((SequenceMatcher(None, wanted, start).ratio() for start in starts), default=0.0)


def _spelt(words: str, things: list[T], names_of: Callable[[T], Iterable[str]]) -> list[T]:
    return [thing for thing in things if words in names_of(thing)]


@lru_cache(maxsize=512)  # The names are the same each time; the words are a person's, so they must not pile up.
def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())
