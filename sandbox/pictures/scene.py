"""Reads words into what is to be seen: who or what, the land, the weather and the hour."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.pictures.languages import column_of
from sandbox.pictures.words import LANDS_OF_SUBJECTS, Named, named_in

_NUMBERS = {"two": 2, "three": 3, "four": 4}
_COLOURS_COME_AFTER = {"pt", "es", "fr", "ar"}
_NEAR = 3  # words between a thing and its colour or number, at most
_NOT_MEANT = re.compile(r"depth of field|film grain|\blight leak\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(?:(?:make|turn|change) (?:it|this|that|him|her)(?: in)?(?:to)?|instead|now|but|mach(?:e)? (?:es|daraus)|"
    r"faça|transforme|hazlo|haz que|rends-le|сделай)\b",
    re.IGNORECASE,
)
_GUESSED_HOURS = ("day", "dusk", "dawn", "day", "night")
_GUESSED_LANDS = ("mountains", "forest", "sea", "meadow")
_PLACES = {
    "room": "in a cosy room", "underwater": "under water", "space": "in space", "city": "in the city",
    "sea": "by the sea", "desert": "in the desert", "mountains": "in the mountains", "forest": "in the forest",
    "meadow": "in a meadow",
}  # fmt: skip
_WEATHERS = {"snow": "in the snow", "rain": "in the rain", "mist": "in the mist"}
_HOURS = {"night": "at night", "dusk": "at sunset", "dawn": "at dawn", "day": "by day"}


@dataclass(frozen=True)
class Figure:
    """Somebody or something in a picture, ``count`` times; without a colour it has its natural one."""

    subject: str
    colour: str | None = None
    count: int = 1

    def __str__(self) -> str:
        words = " ".join(part for part in (self.colour, self.subject) if part)
        if self.count > 1 or self.subject == "birds":
            number = next((word for word, count in _NUMBERS.items() if count == self.count), "a few")
            return f"{number} {_plural(words)}"
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


@dataclass(frozen=True)
class Seen:
    """What words name of a picture; None where they leave it open."""

    figures: tuple[Figure, ...]
    land: str | None
    weather: str | None
    hour: str | None
    autumn: bool = False
    aurora: bool = False

    def __str__(self) -> str:
        """The same in English; empty where nothing is named."""
        who = " and ".join(str(figure) for figure in self.figures)
        where = _PLACES.get(self.land or "", "")
        if self.land == "sea" and self.figures and self.figures[0].subject in {"boat", "whale"}:
            where = "on the sea"
        hour, weather = _HOURS.get(self.hour or "", ""), _WEATHERS.get(self.weather or "", "")
        rest = ["in autumn" if self.autumn else "", "under an aurora" if self.aurora else ""]
        return " ".join(part for part in (who, where, weather, hour, *rest) if part)


@dataclass(frozen=True)
class Scene(Seen):
    """All that is to be seen; ``dice`` seeds what neither words nor these fields tell."""

    land: str
    weather: str
    hour: str
    dice: str = ""

    @property
    def subject(self) -> str | None:
        """Who or what it is about."""
        return self.figures[0].subject if self.figures else None


def read_words(text: str) -> Seen:
    """Read what ``text``, in one of the eight languages, names of a picture.

    Of two hours, weathers or lands the later one is meant, as in "by day, make it night"; of two subjects the first
    one, with the second beside it, unless the words change the picture into something else.
    """
    text = _NOT_MEANT.sub(" ", re.sub(r"\bold (?=(?:wo)?man\b)", "grand", text))
    language = column_of(text)
    words = named_in(text, language)
    figures = list(_figures(words, language))
    for change in _CHANGES.split(text)[1:]:
        figures = list(_figures(named_in(change, language), language)) or figures
    return Seen(
        figures=_beside_one_another(figures),
        land=_last("land", words),
        weather=_last("weather", words),
        hour=_last("hour", words),
        autumn=Named("other", "autumn") in sum(words, ()),
        aurora=Named("other", "aurora") in sum(words, ()),
    )


def read_scene(prompt: str, seed: int) -> Scene:
    """Choose a scene for ``prompt``; what it doesn't say is thrown with ``seed``."""
    seen, dice = read_words(prompt), f"{prompt}|{seed}"
    chance = random.Random(dice)
    guessed_hour, guessed_land = chance.choice(_GUESSED_HOURS), chance.choice(_GUESSED_LANDS)
    lands = [LANDS_OF_SUBJECTS[figure.subject] for figure in seen.figures if figure.subject in LANDS_OF_SUBJECTS]
    weathers = ["snow" for figure in seen.figures if figure.subject in {"snowman", "penguin"}]
    return Scene(
        figures=seen.figures,
        land=seen.land or (lands[0] if lands else guessed_land),
        weather=seen.weather or next(iter(weathers), "clear"),
        hour=seen.hour or guessed_hour,
        autumn=seen.autumn,
        aurora=seen.aurora,
        dice=dice,
    )


def _figures(words: list[tuple[Named, ...]], language: str) -> Iterator[Figure]:
    """Find each thing, with the colour that stands beside it and the number before it."""
    for place, word in enumerate(words):
        subject = _of("subject", word)
        if subject is None:
            continue
        before = _up_to_a_subject(words[max(0, place - _NEAR) : place][::-1])
        after = _up_to_a_subject(words[place + 1 : place + 1 + _NEAR - 1])
        number = _last("number", before)
        colour = _of("colour", word) or _last("colour", after if language in _COLOURS_COME_AFTER else before)
        colour = colour or (_last("colour", before) if language in _COLOURS_COME_AFTER else None)
        yield Figure(subject, colour, _NUMBERS.get(number or "", 1))


def _up_to_a_subject(words: list[tuple[Named, ...]]) -> list[tuple[Named, ...]]:
    """Return the words before the next thing, to which the rest belongs."""
    ends = [place for place, word in enumerate(words) if _of("subject", word)]
    return words[: ends[0]] if ends else words


def _beside_one_another(figures: list[Figure]) -> tuple[Figure, ...]:
    """Return the first two different ones."""
    first = {figure.subject: figure for figure in reversed(figures)}
    return tuple(sorted(first.values(), key=figures.index))[:2]


def _last(kind: str, words: list[tuple[Named, ...]]) -> str | None:
    found = [what for word in words if (what := _of(kind, word))]
    return found[-1] if found else None


def _of(kind: str, word: tuple[Named, ...]) -> str | None:
    return next((named.what for named in word if named.kind == kind), None)


def _plural(words: str) -> str:
    irregular = {"mouse": "mice", "wolf": "wolves", "man": "men", "woman": "women", "fish": "fish", "birds": "birds"}
    head, _, last = words.rpartition(" ")
    ending = "es" if last.endswith(("x", "s")) else "s"
    return f"{head} {irregular.get(last, last + ending)}".strip()
