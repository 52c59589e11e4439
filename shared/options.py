"""Parses options: ``a fox --ar 16:9`` → words and options. Pure; what a value means is decided in ``ideas.py``."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from difflib import get_close_matches
from enum import Enum
from itertools import islice
from typing import NamedTuple

from shared.errors import BadParameter

MAX_QUOTE = 40  # characters of a person's words that a sentence of ours repeats

# Phones turn two hyphens into one long dash, and straight quotes into curly ones.
_LONG_DASHES = "—–"
_DOUBLE, _SINGLE = '"“”„‟«»', "'‘’‚"
_DIRECTION_MARKS = "\u200e\u200f"  # invisible; keyboards put them where the direction of writing changes

_GAP = re.compile(r"[^\S\n]*(?:=[^\S\n]*)?")
_IN_DOUBLE = re.compile(rf"[{_DOUBLE}]([^\n{_DOUBLE}]*)[{_DOUBLE}](?=[\s,;.]|\Z)")
_SINGLE_THAT_CLOSES = re.compile(rf"[{_SINGLE}](?=[\s,;.]|\Z)")  # not the one in "don't"
_AFTER_QUOTED = re.compile(r"[,;.]*")
_WORD = re.compile(r"\S+")
_NUMBER_AHEAD = re.compile(r"\s*\d")
_NUMBER = re.compile(r"[\d.,]+(?=[\s,;.]|\Z)")
_DENIALS = ("no", "false", "off", "0")
_LONGEST_NAME = 40  # characters of an unknown option's name that are compared with the known ones
_MAX_COMPARED = 20  # words after long dashes that are compared with the known options
_MEANT = 0.6  # of 1.0; how much an unknown option must look like a known one to be taken for a slip
_ALIKE = 0.8  # of 1.0; how much a word after a long dash must look like an option before we doubt that it is prose
_LETTERS_TO_BE_ALIKE = 4  # shorter options look like half the dictionary


class Takes(Enum):
    """What follows an option."""

    NOTHING = "nothing"
    WORD = "one word, or several in quotes"
    NUMBER = "a number, or nothing"
    LINE = "all words up to the next option or the end of the line, or those in quotes"


class OptionKind(NamedTuple):
    """An option that we know; ``example`` is how it may be typed."""

    name: str
    takes: Takes
    example: str

    @property
    def typed(self) -> str:
        """The option without its value."""
        return f"--{self.name}"


OPTIONS = {
    kind.name: kind
    for kind in (
        OptionKind("ar", Takes.WORD, "--ar 16:9"),
        OptionKind("n", Takes.WORD, "--n 4"),
        OptionKind("seed", Takes.WORD, "--seed 7"),
        OptionKind("no", Takes.LINE, "--no text, watermark"),
        OptionKind("model", Takes.WORD, "--model schnell"),
        OptionKind("style", Takes.WORD, "--style noir"),
        OptionKind("steps", Takes.WORD, "--steps 30"),
        OptionKind("cfg", Takes.WORD, "--cfg 5"),
        OptionKind("raw", Takes.NOTHING, "--raw"),
    )
}


# How other programs call them: Midjourney's and Stable Diffusion's words, without hyphens and underscores.
ALIASES = {
    "aspect": "ar",
    "aspectratio": "ar",
    "ratio": "ar",
    "batchsize": "n",
    "count": "n",
    "images": "n",
    "num": "n",
    "repeat": "n",
    "r": "n",
    "neg": "no",
    "negative": "no",
    "negativeprompt": "no",
    "step": "steps",
    "cfgscale": "cfg",
    "guidance": "cfg",
    "guidancescale": "cfg",
    "scale": "cfg",
}

_BEFORE_A_NUMBER = (
    "c",
    "chaos",
    "cw",
    "exp",
    "h",
    "hd",
    "height",
    "iw",
    "niji",
    "profile",
    "q",
    "quality",
    "s",
    "sameseed",
    "stop",
    "strength",
    "stylise",
    "stylize",
    "sv",
    "sw",
    "v",
    "version",
    "video",
    "w",
    "weird",
    "width",
)
_BEFORE_NOTHING = ("draft", "fast", "hires", "public", "relax", "stealth", "tile", "turbo", "upbeta", "uplight")
_BEFORE_A_WORD = ("clipskip", "cref", "lora", "oref", "sampler", "samplingmethod", "scheduler", "size", "sref", "vae")
# What other programs take and no model here does: left out, and said to be.
SKIPPED = {
    name: OptionKind(name, takes, f"--{name}")
    for takes, names in (
        (Takes.NUMBER, _BEFORE_A_NUMBER),
        (Takes.NOTHING, _BEFORE_NOTHING),
        (Takes.WORD, _BEFORE_A_WORD),
    )
    for name in names
}


# After a single hyphen, and before a number: nobody writes so in prose.
_AFTER_ONE_HYPHEN = "|".join(["ar", "n", "seed", "steps", "cfg", *ALIASES, *_BEFORE_A_NUMBER])
_START = re.compile(
    rf"(?<!\S)[{_DIRECTION_MARKS}]*(?P<dash>--|[{_LONG_DASHES}]|-(?=(?:{_AFTER_ONE_HYPHEN})[\s=]\s*\d))"
    r"(?P<name>[^\W\d_]+)(?P<rest>[^\s=]*)(?P<equals>=?)",
    re.IGNORECASE,
)
_ONE_HYPHEN = re.compile(r"(?<!\S)-([^\W\d_]+)(?!\S)")
_YES_OR_NO = re.compile(r"[^\S\n]+(yes|true|on|1|no|false|off|0)(?=\s*(?:\Z|\n|--|[—–]))", re.IGNORECASE)


class Option(NamedTuple):
    """An option as it was typed; ``value`` has no quotes around it, and is empty for an option that takes none."""

    kind: OptionKind
    value: str = ""


class Doubt(NamedTuple):
    """A word that was left in the text, and the option that may have been meant."""

    word: str
    kind: OptionKind


class ParsedOptions(NamedTuple):
    """A text without its options, and these in their order.

    Attributes:
        skipped: Options of other programs, as they were typed, once each.
    """

    words: str
    options: tuple[Option, ...]
    doubts: tuple[Doubt, ...]
    skipped: tuple[str, ...] = ()


def parse_options(text: str) -> ParsedOptions:
    """Take the options out of a text.

    An option begins a word: two hyphens or one long dash, and a name right behind them. After a long dash only a known
    name makes an option: anything else is prose.

    Raises:
        BadParameter: An unknown option after two hyphens, a value that is missing, or one too many.
    """
    kept: list[str] = []
    options: list[Option] = []
    skipped: list[str] = []
    # Once for all options: to look for each one's end anew would take time that grows with the text's square.
    closing = [quote.start() for quote in _SINGLE_THAT_CLOSES.finditer(text)]
    place = 0
    while start := _next_option(text, place):
        kept.append(text[place : start.start()])
        option, place = _read(text, start, closing)
        if option.kind.name in OPTIONS and option.value in _DENIALS and option.kind.takes is Takes.NOTHING:
            continue
        if option.kind.name in OPTIONS:
            options.append(option)
        else:
            skipped.append(option.kind.typed)
    words = " ".join([*kept, text[place:]])
    return ParsedOptions(words, tuple(options), tuple(_doubts(words)), tuple(dict.fromkeys(skipped)))


def quote(words: str) -> str:
    """Shorten a person's words so that a sentence can repeat them."""
    return words if len(words) <= MAX_QUOTE else f"{words[: MAX_QUOTE - 1]}…"


def _next_option(text: str, place: int) -> re.Match[str] | None:
    starts = _START.finditer(text, place)
    return next((start for start in starts if start["dash"] == "--" or _kind(start)), None)


def _kind(start: re.Match[str]) -> OptionKind | None:
    name, rest = start["name"].casefold(), start["rest"]
    kind = OPTIONS.get(name)
    # ``--ar16:9`` lacks nothing but a space.
    if kind is not None and (not rest or (kind.takes is Takes.WORD and rest[0].isdigit())):
        return kind
    # A long dash before one of the other names is prose ("a fox —scale model"), unless a number follows.
    if start["dash"] != "--" and not _NUMBER_AHEAD.match(start.string, start.end()):
        return None
    whole: str = re.sub(r"[-_]", "", name + rest.casefold())
    if whole in ALIASES:
        return OPTIONS[ALIASES[whole]]
    number = SKIPPED.get(name)
    if number is not None and number.takes is Takes.NUMBER and rest.replace(".", "").isdigit():
        return number
    return SKIPPED.get(whole) if start["dash"] in {"--", "-"} else None


def _unknown(start: re.Match[str]) -> BadParameter:
    name = quote(f"--{start['name']}{start['rest']}")
    typed = str(start["name"])[:_LONGEST_NAME].casefold()
    near: list[str] = get_close_matches(typed, [*OPTIONS, *ALIASES], 1, cutoff=_MEANT)
    for meant in near:
        return BadParameter("parameter_unknown", name=name, nearest=OPTIONS[ALIASES.get(meant, meant)].typed)
    return BadParameter("parameter_unknown_to_us", name=name)


def _read(text: str, start: re.Match[str], closing: Sequence[int]) -> tuple[Option, int]:
    """The option that starts there, and where it ends."""
    kind = _kind(start)
    if kind is None:
        raise _unknown(start)
    if kind.takes is Takes.NOTHING:
        if start["equals"]:
            raise BadParameter("parameter_takes_no_value", name=kind.typed)
        said = _YES_OR_NO.match(text, start.end())
        return Option(kind, said[1].casefold() if said else ""), said.end() if said else start.end()

    # A name may go on behind a hyphen (``--cfg-scale 7``), a value may begin without a space (``--ar16:9``).
    named = start.end("rest") if start["rest"].startswith(("-", "_")) else start.end("name")
    gap = _GAP.match(text, named)
    begin = gap.end() if gap else named
    if kind.takes is Takes.NUMBER:
        number = _NUMBER.match(text, begin)
        return Option(kind), number.end() if number else named
    value, end = _value(text, begin, kind, closing)
    if not value and kind.name in OPTIONS:
        raise BadParameter("parameter_without_value", name=kind.typed, example=kind.example)
    return Option(kind, value), end


def _value(text: str, begin: int, kind: OptionKind, closing: Sequence[int]) -> tuple[str, int]:
    quoted = _quoted(text, begin, closing)
    if quoted is not None:
        return quoted
    following = _next_option(text, begin)
    line_end = text.find("\n", begin)
    end = min(following.start() if following else len(text), line_end if line_end >= 0 else len(text))
    if kind.takes is Takes.WORD:
        word = _WORD.match(text, begin, end)
        return (word[0].rstrip(",;.").strip(_DIRECTION_MARKS), word.end()) if word else ("", end)
    return text[begin:end].strip(), end


def _quoted(text: str, begin: int, closing: Sequence[int]) -> tuple[str, int] | None:
    """What stands in quotes from there on, and where it ends; None where no quotes open there, or close on the line.

    Args:
        closing: Places of the single quotes that may close a value, in order.
    """
    if double := _IN_DOUBLE.match(text, begin):
        value, end = double[1], double.end()
    elif text.startswith(tuple(_SINGLE), begin) and (place := bisect_right(closing, begin)) < len(closing):
        value, end = text[begin + 1 : closing[place]], closing[place] + 1
        if "\n" in value:
            return None
    else:
        return None
    after = _AFTER_QUOTED.match(text, end)
    return value.strip(), after.end() if after else end


def _doubts(words: str) -> list[Doubt]:
    """The words that look like options; of a text full of dashes, the first few alone are looked at."""
    alike = [name for name in OPTIONS if len(name) >= _LETTERS_TO_BE_ALIKE]
    starts = (start for start in _START.finditer(words) if len(start["name"]) >= _LETTERS_TO_BE_ALIKE)
    once = {start["name"][:_LONGEST_NAME].casefold(): start[0] for start in islice(starts, _MAX_COMPARED)}
    near = {name: get_close_matches(name, alike, 1, cutoff=_ALIKE) for name in once}
    doubts = [Doubt(quote(once[name]), OPTIONS[kind]) for name, kinds in near.items() for kind in kinds]
    after_one = {found[1].casefold(): found[0] for found in _ONE_HYPHEN.finditer(words)}
    names = {name: ALIASES.get(name, name) for name in after_one}
    return doubts + [Doubt(quote(after_one[name]), OPTIONS[kind]) for name, kind in names.items() if kind in OPTIONS]
