"""Message text → request, and back. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from shared.catalogue import MAX_GUIDANCE, MOST_NAMED, Catalogue, Model
from shared.errors import BadParameter, EmptyIdea, IdeaTooLong, NoWordsInIdea
from shared.flags import Flag, Parted, part, quote
from shared.jobs import Parameters, Request
from shared.styles import Style, Styles

MAX_IDEA_LENGTH = 1_000  # characters; a Telegram message may hold 4096, a picture needs fewer
MAX_SUBJECT_LENGTH = 4_096  # characters: a Telegram message
MAX_NEGATIVE_LENGTH = 300  # characters; the models read some 75 tokens of it
MAX_COUNT = 10  # pictures of one request: as many as an album holds
MAX_SEED = 2**32 - 1
MAX_RATIO = 4  # of the longer side to the shorter one

# Joiners hold emoji and scripts such as Persian and Hindi together; the marks set the direction of text.
KEPT_FORMATS = "\u200c\u200d\u200e\u200f\ufe0f"

DROPPED = frozenset({"Cc", "Cf", "Cs"})  # control characters, invisible formats, halves of surrogate pairs
WITHOUT_MEANING = frozenset({"Cf", "Mn", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Zs"})

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,3})?")
_SIDE = r"(\d{1,4}(?:[.,]\d{1,3})?)"
_RATIO = re.compile(rf"{_SIDE}\s*[:x×/]\s*{_SIDE}", re.IGNORECASE)
Number = TypeVar("Number", int, float)

NOTHING = Parted("", (), ())
_DOUBLE_QUOTES = re.compile('["“”„‟«»]')


@dataclass(frozen=True, slots=True)
class Hint:
    """Something about the way a request was read that its sender should know.

    Attributes:
        reason: The key of the sentence.
        values: What goes into its gaps; quotes the user.
    """

    reason: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reading:
    """What we made of a message."""

    request: Request
    hints: tuple[Hint, ...] = ()


def read_request(
    text: str,
    catalogue: Catalogue,
    styles: Styles,
    *,
    usual_model: str | None = None,
    may_be_empty: bool = False,
    subject: str = "",
) -> Reading:
    """Read the words after ``/imagine``, with their parameters wherever these stand.

    Nothing is dropped in silence: what is harmless to correct comes back with a hint, what is unclear is refused.

    Args:
        usual_model: Who paints for this person when the words name no model; None: the owner's choice.
        may_be_empty: Whether the idea may have no words, because a picture says what is wanted; ``--raw`` needs some.
        subject: The words that the message points at. Without words of its own they are the idea, else the idea says
            how they are to be painted. Parameters that stand in them count unless ``text`` says otherwise.

    Raises:
        EmptyIdea, NoWordsInIdea, IdeaTooLong: As ``read_idea`` does.
        BadParameter: A parameter is unknown, unreadable, ambiguous or out of range.
    """
    parted, pointed = part(_tidy_lines(text)), _part_of_subject(subject)
    hints = [Hint("hint_doubt", {"word": doubt.word, "example": doubt.kind.example}) for doubt in parted.doubts]
    hints += _hints_of_repeated(parted.flags)
    if parted.skipped:
        hints.append(Hint("hint_skipped", {"names": quote(" ".join(parted.skipped))}))
    parted = parted._replace(flags=(*pointed.flags, *parted.flags))
    flags = {flag.kind.name: flag for flag in parted.flags}
    if pointed.words and not parted.words.strip():
        parted, pointed = parted._replace(words=_as_idea(pointed.words, hints)), NOTHING
    idea = _idea(parted, may_be_empty=may_be_empty and "raw" not in flags)
    wished = _model(flags.get("model"), catalogue)
    style = _style(flags.get("style"), styles)
    model = wished or catalogue.wished(usual_model)
    request = Request(
        idea,
        Parameters(
            model=wished.id if wished else None,
            seed=_seed(flags.get("seed")),
            steps=_steps(flags.get("steps"), model, hints),
            guidance=_guidance(flags.get("cfg"), model, hints),
            ratio=_ratio(flags.get("ar")),
            style=style.name if style else None,
            raw="raw" in flags,
            negative=_negative(flags.get("no")),
        ),
        count=_count(flags.get("n"), hints),
        subject=pointed.words,
    )
    return Reading(request, (*hints, *_hints_about(model, request.parameters)))


def write_request(request: Request) -> str:
    """Write a request as it could be typed: ``read_request`` reads the same again."""
    given = request.parameters
    flags = {
        "ar": given.ratio and f"{given.ratio[0]}:{given.ratio[1]}",
        "n": request.count if request.count > 1 else None,
        "seed": given.seed,
        "no": given.negative and f'"{given.negative}"',
        "model": given.model,
        "style": given.style,
        "steps": given.steps,
        "cfg": given.guidance if given.guidance is None else format(given.guidance, ".10g"),
    }
    words = [request.idea, *(f"--{name} {value}" for name, value in flags.items() if value is not None)]
    return " ".join([*words, "--raw"] if given.raw else words)


def read_idea(text: str) -> str:
    """Tidy the words after ``/imagine`` into an idea.

    Control characters, halves of surrogate pairs and repeated white space go; everything visible stays.

    Returns:
        The idea on one line, 1 to ``MAX_IDEA_LENGTH`` characters.

    Raises:
        EmptyIdea: Only white space was given.
        NoWordsInIdea: Nothing visible but punctuation was given.
        IdeaTooLong: The tidied idea is over the limit.
    """
    if not text.strip():
        raise EmptyIdea
    idea = _tidy(text)
    if not _has_words(idea):
        raise NoWordsInIdea
    if len(idea) > MAX_IDEA_LENGTH:
        raise IdeaTooLong(f"{len(idea)} characters", values={"n": MAX_IDEA_LENGTH})
    return idea


def _tidy_lines(text: str) -> str:
    return "\n".join(_tidy(line) for line in text.splitlines())


def _part_of_subject(text: str) -> Parted:
    """Words that a message points at, on one line; parameters in them that can't be read are words like the others."""
    if not _has_words(text):
        return NOTHING
    try:
        parted = part(_tidy_lines(text))
    except BadParameter:
        parted = Parted(text, (), ())
    words = _tidy(parted.words)
    return Parted(shorten(words, MAX_SUBJECT_LENGTH), parted.flags, ())


def _as_idea(subject: str, hints: list[Hint]) -> str:
    words = shorten(subject, MAX_IDEA_LENGTH)
    if words != subject:
        hints.append(Hint("hint_subject_cut", {"n": MAX_IDEA_LENGTH}))
    return words


def shorten(text: str, most: int) -> str:
    """Cut a text to so many characters, at the end of a word where there is one."""
    if len(text) <= most:
        return text
    return text[:most].rpartition(" ")[0] or text[:most]


def _has_words(text: str) -> bool:
    """Whether there is anything visible but punctuation."""
    return any(unicodedata.category(character) not in WITHOUT_MEANING for character in _tidy(text))


def _tidy(text: str) -> str:
    seen = {ord(character): _visible(character) for character in set(text)}
    return " ".join(text.translate({code: shown for code, shown in seen.items() if shown != chr(code)}).split())


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("Z") or character in "\t\n\r\v\f":
        return " "
    if category in DROPPED and character not in KEPT_FORMATS and not _is_tag(character):
        return ""
    return character


def _is_tag(character: str) -> bool:
    # Flags of regions (England, Scotland) are spelt with these.
    return "\U000e0020" <= character <= "\U000e007f"


def _hints_of_repeated(typed: tuple[Flag, ...]) -> list[Hint]:
    names = [flag.kind.name for flag in typed]
    last = {flag.kind.name: flag for flag in typed}
    return [
        Hint("hint_repeated", {"name": flag.kind.typed, "value": quote(flag.value)})
        for name, flag in last.items()
        if names.count(name) > 1 and flag.value
    ]


def _hints_about(model: Model, parameters: Parameters) -> list[Hint]:
    """What the model itself can't do about the parameters."""
    able = {
        "--seed": parameters.seed is None or model.takes_seed,
        "--steps": parameters.steps is None or model.steps is not None,
        "--cfg": parameters.guidance is None or model.guidance is not None,
        # Where the model reads no negative prompt, Gemini is told instead; and raw means that nobody is.
        "--no": parameters.negative is None or model.takes_negative or not parameters.raw,
    }
    hints = [Hint("hint_not_taken", {"model": model.name, "name": name}) for name, can in able.items() if not can]
    if parameters.model is not None and model.retired and model.successor:
        hints.append(Hint("hint_retired", {"model": model.name, "successor": model.successor.rpartition("/")[2]}))
    return hints


def _idea(parted: Parted, *, may_be_empty: bool) -> str:
    if not parted.words.strip():
        if may_be_empty:
            return ""
        if parted.flags:
            raise BadParameter("parameters_without_idea", name=parted.flags[-1].kind.typed)
    return read_idea(parted.words)


def _model(flag: Flag | None, catalogue: Catalogue) -> Model | None:
    if flag is None:
        return None
    found = catalogue.meant_by(flag.value)
    if len(found) == 1:
        return found[0]
    names = [model.name for model in (found or catalogue.offered())[:MOST_NAMED]]
    raise BadParameter(
        "model_ambiguous" if found else "model_unknown", value=quote(flag.value), candidates=", ".join(names)
    )


def _style(flag: Flag | None, styles: Styles) -> Style | None:
    if flag is None:
        return None
    found = styles.meant_by(flag.value)
    if len(found) == 1:
        return found[0]
    names = ", ".join(style.name for style in found or styles)
    raise BadParameter("style_ambiguous" if found else "style_unknown", value=quote(flag.value), candidates=names)


def _count(flag: Flag | None, hints: list[Hint]) -> int:
    if flag is None:
        return 1
    return _clamped(_whole(flag), 1, MAX_COUNT, flag, hints)


def _seed(flag: Flag | None) -> int | None:
    if flag is None:
        return None
    seed = _whole(flag)
    if not 0 <= seed <= MAX_SEED:
        raise BadParameter("seed_out_of_range", value=str(seed), most=str(MAX_SEED))
    return seed


def _steps(flag: Flag | None, model: Model, hints: list[Hint]) -> int | None:
    if flag is None:
        return None
    steps = _whole(flag)
    if model.steps is None:
        return max(1, steps)
    return _clamped(steps, model.steps.least, model.steps.most, flag, hints)


def _guidance(flag: Flag | None, model: Model, hints: list[Hint]) -> float | None:
    if flag is None:
        return None
    if not _DECIMAL.fullmatch(flag.value):
        raise _unreadable(flag)
    guidance = float(flag.value.replace(",", "."))
    return _clamped(guidance, 0.0, MAX_GUIDANCE, flag, hints if model.guidance is not None else [])


def _ratio(flag: Flag | None) -> tuple[int, int] | None:
    if flag is None:
        return None
    sides = _RATIO.fullmatch(flag.value)
    if sides is None:
        raise _unreadable(flag)
    width, height = (Fraction(side.replace(",", ".")) for side in sides.groups())
    if not width or not height:
        raise _unreadable(flag)
    if max(width / height, height / width) > MAX_RATIO:
        raise BadParameter("ratio_out_of_range", value=quote(flag.value), most=MAX_RATIO)
    if width.denominator == height.denominator == 1:
        return int(width), int(height)  # 21:9 is what people call it, not 7:3.
    return (width / height).as_integer_ratio()


def _negative(flag: Flag | None) -> str | None:
    if flag is None:
        return None
    words = _tidy(_DOUBLE_QUOTES.sub("", flag.value)).strip(" ,;")
    if not words:
        raise BadParameter("parameter_without_value", name=flag.kind.typed, example=flag.kind.example)
    if len(words) > MAX_NEGATIVE_LENGTH:
        raise BadParameter("negative_too_long", most=MAX_NEGATIVE_LENGTH)
    return words


def _whole(flag: Flag) -> int:
    if not _WHOLE.fullmatch(flag.value):
        raise _unreadable(flag)
    return int(flag.value)


def _clamped(wished: Number, least: Number, most: Number, flag: Flag, hints: list[Hint]) -> Number:
    taken = min(max(wished, least), most)
    if taken != wished:
        values = {"name": flag.kind.typed, "wished": quote(flag.value), "taken": f"{taken:g}"}
        hints.append(Hint("hint_clamped", values))
    return taken


def _unreadable(flag: Flag) -> BadParameter:
    return BadParameter(
        "parameter_unreadable", name=flag.kind.typed, value=quote(flag.value), example=flag.kind.example
    )
