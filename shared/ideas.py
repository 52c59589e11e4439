"""Message text → request, and back. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from shared.catalogue import MAX_GUIDANCE, MAX_NAMED, Catalogue, Model, name_of
from shared.errors import BadParameter, EmptyIdea, IdeaTooLong, NoWordsInIdea, ParametersWithoutIdea, UnclearChoice
from shared.jobs import Parameters, Request
from shared.options import OPTIONS, Option, ParsedOptions, parse_options, quote
from shared.styles import Style, Styles

MAX_IDEA_LENGTH = 1_000  # characters; a Telegram message may hold 4096, a picture needs fewer
MAX_SUBJECT_LENGTH = 4_096  # characters: a Telegram message
MAX_NEGATIVE_LENGTH = 300  # characters; the models read some 75 tokens of it
MAX_COUNT = 10  # pictures of one request: as many as an album holds
MAX_SEED = 2**32 - 1
MAX_NEAREST = 3  # models or styles that are offered for a name that fits none
MAX_MEANT = 6  # that are offered for a part of several names
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

NOTHING = ParsedOptions("", (), ())
NOTHING_CHOSEN: Mapping[str, str] = MappingProxyType({})
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
    chosen: Mapping[str, str] = NOTHING_CHOSEN,
) -> Reading:
    """Read the words after ``/imagine``, with their parameters wherever these stand.

    Nothing is dropped in silence: what is harmless to correct comes back with a hint, what is unclear is refused.

    Args:
        usual_model: Who paints for this person when the words name no model; None: the owner's choice.
        may_be_empty: Whether the idea may have no words, because a picture says what is wanted; ``--raw`` needs some.
        subject: Words that the message points at: the idea if it has none. ``text`` overrides parameters in them.
        chosen: Options by name, with values that count instead of what is typed.

    Raises:
        EmptyIdea, NoWordsInIdea, IdeaTooLong: As ``read_idea`` does.
        BadParameter: One is unknown, unreadable, ambiguous or out of range.
    """
    parsed, pointed = parse_options(_tidy_lines(text)), _part_of_subject(subject)
    hints = _hints_of_options(parsed)
    parsed = parsed._replace(options=(*pointed.options, *parsed.options))
    options = _by_name(parsed.options, chosen)
    if pointed.words and not parsed.words.strip():
        parsed, pointed = parsed._replace(words=_as_idea(pointed.words, hints)), NOTHING
    idea = _idea(parsed, text, may_be_empty=may_be_empty and "raw" not in options)
    wished, style = _model(options.get("model"), catalogue), _style(options.get("style"), styles)
    model = wished or catalogue.wished(usual_model)
    parameters = Parameters(
        model=wished.id if wished else None,
        seed=_seed(options.get("seed")),
        steps=_steps(options.get("steps"), model, hints),
        guidance=_guidance(options.get("cfg"), model, hints),
        ratio=_ratio(options.get("ar")),
        style=style.name if style else None,
        raw="raw" in options,
        negative=_negative(options.get("no")),
    )
    request = Request(idea, parameters, count=_count(options.get("n"), hints), subject=pointed.words)
    return Reading(request, (*hints, *_hints_about(model, parameters)))


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


def _part_of_subject(text: str) -> ParsedOptions:
    """Words that a message points at, on one line; parameters in them that can't be read are words like the others."""
    if not _has_words(text):
        return NOTHING
    try:
        parsed = parse_options(_tidy_lines(text))
    except BadParameter:
        parsed = ParsedOptions(text, (), ())
    words = _tidy(parsed.words)
    return ParsedOptions(shorten(words, MAX_SUBJECT_LENGTH), parsed.options, ())


def _as_idea(subject: str, hints: list[Hint]) -> str:
    words = shorten(subject, MAX_IDEA_LENGTH)
    if words != subject:
        hints.append(Hint("hint_subject_cut", {"n": MAX_IDEA_LENGTH}))
    return words


def shorten(text: str, limit: int) -> str:
    """Cut a text to so many characters, at the end of a word where there is one."""
    if len(text) <= limit:
        return text
    return text[:limit].rpartition(" ")[0] or text[:limit]


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


def _by_name(typed: Iterable[Option], chosen: Mapping[str, str]) -> dict[str, Option]:
    """Options by name: the last one typed, or what was chosen instead."""
    options = {option.kind.name: option for option in typed}
    return options | {name: Option(OPTIONS[name], value) for name, value in chosen.items()}


def _hints_of_options(parsed: ParsedOptions) -> list[Hint]:
    """What is said of options that may have been meant, came twice, or are another program's."""
    hints = [Hint("hint_doubt", {"word": doubt.word, "example": doubt.kind.example}) for doubt in parsed.doubts]
    hints += _hints_of_repeated(parsed.options)
    if parsed.skipped:
        hints.append(Hint("hint_skipped", {"names": quote(" ".join(parsed.skipped))}))
    return hints


def _hints_of_repeated(typed: tuple[Option, ...]) -> list[Hint]:
    names = [option.kind.name for option in typed]
    last = {option.kind.name: option for option in typed}
    return [
        Hint("hint_repeated", {"name": option.kind.typed, "value": quote(option.value)})
        for name, option in last.items()
        if names.count(name) > 1 and option.value
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
        hints.append(Hint("hint_retired", {"model": model.name, "successor": name_of(model.successor)}))
    return hints


def _idea(parsed: ParsedOptions, text: str, *, may_be_empty: bool) -> str:
    if not parsed.words.strip():
        if may_be_empty:
            return ""
        if parsed.options:
            raise ParametersWithoutIdea(" ".join(text.split()), parsed.options[-1].kind.typed)
    return read_idea(parsed.words)


def _model(option: Option | None, catalogue: Catalogue) -> Model | None:
    if option is None:
        return None
    found = catalogue.find_by_name(option.value)
    if len(found) == 1:
        return found[0]
    names = [model.name for model in (found or catalogue.offered())[:MAX_NAMED]]
    nearest = _preferred(found, catalogue)[:MAX_MEANT] or catalogue.find_nearest(option.value, MAX_NEAREST)
    raise UnclearChoice(
        "model_ambiguous" if found else "model_unknown",
        "model",
        [model.id for model in nearest or catalogue.offered(MAX_NEAREST)],
        value=quote(option.value),
        candidates=", ".join(names),
    )


def _preferred(models: list[Model], catalogue: Catalogue) -> list[Model]:
    """The owner's choice first, those that nobody serves last."""
    return sorted(models, key=lambda model: (model.id != catalogue.default, not model.offered))


def _style(option: Option | None, styles: Styles) -> Style | None:
    if option is None:
        return None
    found = styles.find_by_name(option.value)
    if len(found) == 1:
        return found[0]
    names = ", ".join(style.name for style in found or styles)
    nearest = found[:MAX_MEANT] or styles.find_nearest(option.value, MAX_NEAREST) or list(styles)[:MAX_NEAREST]
    reason = "style_ambiguous" if found else "style_unknown"
    nearest_names = [style.name for style in nearest]
    raise UnclearChoice(reason, "style", nearest_names, value=quote(option.value), candidates=names)


def _count(option: Option | None, hints: list[Hint]) -> int:
    if option is None:
        return 1
    return _clamped(_whole(option), 1, MAX_COUNT, option, hints)


def _seed(option: Option | None) -> int | None:
    if option is None:
        return None
    seed = _whole(option)
    if not 0 <= seed <= MAX_SEED:
        raise BadParameter("seed_out_of_range", value=str(seed), most=MAX_SEED)
    return seed


def _steps(option: Option | None, model: Model, hints: list[Hint]) -> int | None:
    if option is None:
        return None
    steps = _whole(option)
    if model.steps is None:
        return max(1, steps)
    return _clamped(steps, model.steps.least, model.steps.most, option, hints)


def _guidance(option: Option | None, model: Model, hints: list[Hint]) -> float | None:
    if option is None:
        return None
    if not _DECIMAL.fullmatch(option.value):
        raise _unreadable(option)
    guidance = float(option.value.replace(",", "."))
    return _clamped(guidance, 0.0, MAX_GUIDANCE, option, hints if model.guidance is not None else [])


def _ratio(option: Option | None) -> tuple[int, int] | None:
    if option is None:
        return None
    sides = _RATIO.fullmatch(option.value)
    if sides is None:
        raise _unreadable(option)
    width, height = (Fraction(side.replace(",", ".")) for side in sides.groups())
    if not width or not height:
        raise _unreadable(option)
    if max(width / height, height / width) > MAX_RATIO:
        raise BadParameter("ratio_out_of_range", value=quote(option.value), most=MAX_RATIO)
    if width.denominator == height.denominator == 1:
        return int(width), int(height)  # 21:9 is what people call it, not 7:3.
    return (width / height).as_integer_ratio()


def _negative(option: Option | None) -> str | None:
    if option is None:
        return None
    words = _tidy(_DOUBLE_QUOTES.sub("", option.value)).strip(" ,;")
    if not words:
        raise BadParameter("parameter_without_value", name=option.kind.typed, example=option.kind.example)
    if len(words) > MAX_NEGATIVE_LENGTH:
        raise BadParameter("negative_too_long", most=MAX_NEGATIVE_LENGTH)
    return words


def _whole(option: Option) -> int:
    if not _WHOLE.fullmatch(option.value):
        raise _unreadable(option)
    return int(option.value)


def _clamped(wished: Number, least: Number, limit: Number, option: Option, hints: list[Hint]) -> Number:
    taken = min(max(wished, least), limit)
    if taken != wished:
        values = {"name": option.kind.typed, "wished": quote(option.value), "taken": f"{taken:g}"}
        hints.append(Hint("hint_clamped", values))
    return taken


def _unreadable(option: Option) -> BadParameter:
    return BadParameter(
        "parameter_unreadable", name=option.kind.typed, value=quote(option.value), example=option.kind.example
    )
