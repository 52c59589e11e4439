"""Which image models there are, what each can take, and which to try in what order. The data lies beside it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from shared.fuzzy_match import find_by_name, find_nearest

Dialect = Literal["tags", "prose"]

MAX_FOUND = 50  # models that only a survey knows; people choose from lists
MAX_NAMED = 20  # in one sentence: a message has an end, and so has patience
FAST_STEPS = 12
# Gemini's own image models are called by this name, at Google and with a Google key; all others are the Hub's.
GEMINI = "gemini"
USUAL_OF_GOOGLE = "google/gemini-3.1-flash-image"
_OF_GOOGLE = re.compile(r"google/(gemini-(?:[a-z0-9.]+-)*image(?:-[a-z0-9.]+)*)")
MAX_GUIDANCE = 20.0  # of any model; beyond it pictures burn out


def name_of(model_id: str) -> str:
    """A model's name without its maker's, as people read it."""
    return model_id.rpartition("/")[2]


def google_name(model_id: str) -> str | None:
    """What Google calls an image model of its own; None for the Hub's models."""
    found = _OF_GOOGLE.fullmatch(model_id)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Steps:
    """How many denoising steps a model takes."""

    least: int
    usual: int
    most: int

    def clamp(self, wished: int | None) -> int:
        """The wished number as far as the model goes; the usual one without a wish."""
        return self.usual if wished is None else min(max(wished, self.least), self.most)


@dataclass(frozen=True, slots=True)
class Model:
    """An image model and what it can take.

    Attributes:
        id: ``org/name`` on the Hub.
        dialect: Whether it is best prompted with comma-separated tags or in sentences.
        width, height: Pixels it was trained for.
        max_side, max_pixels: As far as it goes without falling apart.
        multiple: Sides must be divisible by this.
        steps: None where they can't be chosen.
        guidance: The usual guidance scale; None where it can't be chosen.
        prompt_tokens: What is longer is cut by the text encoder.
        providers: Provider → its own name for the model; used while the Hub can't be asked.
        starting: The same for those that paint over a picture that they are given.
        good_for: ``drafts``, ``detail``, ``lettering`` or ``illustration``; empty where nobody has said.
        successor: For a model that no provider served when this list was made: the one to take instead.
        served: Whether a provider serves it, as the last survey says; None while there was none.
    """

    id: str
    title: str
    dialect: Dialect
    width: int
    height: int
    max_side: int
    max_pixels: int
    multiple: int
    steps: Steps | None
    guidance: float | None
    takes_negative: bool
    takes_seed: bool
    prompt_tokens: int
    providers: Mapping[str, str] = field(default_factory=dict)
    starting: Mapping[str, str] = field(default_factory=dict)
    good_for: str = ""
    successor: str | None = None
    served: bool | None = None

    @property
    def name(self) -> str:
        """The id without its organisation, as people read it."""
        return name_of(self.id)

    @property
    def is_fast(self) -> bool:
        """Whether it needs so few steps that a picture takes seconds."""
        return self.steps is not None and self.steps.usual <= FAST_STEPS

    @property
    def retired(self) -> bool:
        """Whether no provider serves it any more, as far as we know."""
        return self.successor is not None and not self.served

    @property
    def offered(self) -> bool:
        """Whether it is offered for a choice; by name it can be wished all the same."""
        return not self.retired and self.served is not False


class Catalogue:
    """The image models of this installation."""

    def __init__(self, default: str | None = None, fallbacks: tuple[str, ...] | None = None) -> None:
        """Take the shipped order where the owner named none."""
        shipped = _shipped()
        self._models = self._shipped = shipped.models
        self.default: str = default or shipped.default
        self.fallbacks: tuple[str, ...] = shipped.fallbacks if fallbacks is None else fallbacks

    def __iter__(self) -> Iterator[Model]:
        """All shipped models, the good ones first, and then those that only a survey found."""
        return iter(self._models.values())

    def offered(self, limit: int | None = None) -> list[Model]:
        """The first so many models that somebody may choose."""
        return list(islice((model for model in self if model.offered), limit))

    def refresh(self, surveyed: Mapping[str, Any]) -> None:
        """Take over what a survey found, in place: everybody who holds this object sees it. Safe beside readers.

        Args:
            surveyed: Model → its card ``{"providers": {provider: its own name for the model}}``, and the same under
                ``starting`` for those that start from pictures; the most wanted
                first; empty while there was no survey.
        """
        if not surveyed:
            self._models = self._shipped
            return
        others = (model_id for model_id in surveyed if model_id not in self._shipped)
        found = sorted(others, key=lambda model_id: google_name(model_id) is None)[:MAX_FOUND]
        known = {**self._shipped, **{model_id: _guess(model_id) for model_id in found}}
        self._models = {model_id: _as_surveyed(model, surveyed.get(model_id)) for model_id, model in known.items()}

    def model(self, model_id: str) -> Model:
        """A model by its id; one that we don't know gets what its name suggests."""
        return self._models.get(model_id) or _guess(model_id)

    def wished(self, model_id: str | None) -> Model:
        """The model that a request means."""
        return self.model(model_id or self.default)

    def replacement(self, model_id: str) -> str | None:
        """Who takes the place of a chosen model that is retired; None while it can be had."""
        passed_over: list[str] = []
        model = self.model(model_id)
        while model.retired:
            passed_over.append(model.id)
            model = self.wished(model.successor)
            if model.id in passed_over:
                return None
        return model.id if passed_over else None

    def find_by_name(self, words: str) -> list[Model]:
        """The models that a person may mean by a part of the id or title, the owner's choices among them.

        Of several that fit equally well, those that the Hub alone knows are not meant: what it adds from one day to
        the next must not make words unclear that people are used to.
        """
        known = {model_id: self.model(model_id) for model_id in (*self._models, self.default, *self.fallbacks)}
        found = find_by_name(words, known.values(), lambda model: (model.id, model.name, model.title))
        usual = {*self._shipped, self.default, *self.fallbacks}
        return [model for model in found if model.id in usual] or found

    def find_nearest(self, words: str, limit: int) -> list[Model]:
        """The models that a person may have meant by words that fit none."""
        return find_nearest(words, self.offered(), lambda model: (model.name, model.title), limit)

    def starters(self, model_id: str | None, limit: int) -> tuple[str, ...]:
        """Ids to try where a picture is to be started from: the wished one, then others on the Hub that can."""
        wished = self.wished(model_id).id
        able = (
            model.id
            for model in self.offered()
            if model.starting and model.id != wished and google_name(model.id) is None
        )
        return (wished, *islice(able, limit))

    def in_order(self, model_id: str | None) -> tuple[str, ...]:
        """Ids to try: the wished one, its successor if it is retired, the default, the fallbacks."""
        wished = self.wished(model_id)
        order = (wished.id, wished.successor, self.default, *self.fallbacks)
        return tuple(dict.fromkeys(name for name in order if name))


@dataclass(frozen=True, slots=True)
class _Shipped:
    models: Mapping[str, Model]
    default: str
    fallbacks: tuple[str, ...]


@cache
def _content() -> Any:
    return json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@cache
def _shipped() -> _Shipped:
    content = _content()
    models = (_model(**entry) for entry in content["models"])
    return _Shipped({model.id: model for model in models}, content["default"], tuple(content["fallbacks"]))


@cache
def _families() -> tuple[tuple[str, re.Pattern[str], Mapping[str, Any]], ...]:
    families = []
    for family in _content()["families"]:
        able = {key: value for key, value in family.items() if key not in {"name", "pattern"}}
        able["steps"] = Steps(*able["steps"]) if able["steps"] else None
        families.append((family["name"], re.compile(family["pattern"], re.IGNORECASE), able))
    return tuple(families)


def _model(id: str, title: str, family: str | None = None, **own: Any) -> Model:  # noqa: A002 - the data's word
    # The first family that fits; the last one fits everything.
    able = next(able for name, pattern, able in _families() if name == family or (not family and pattern.search(id)))
    return Model(id=id, title=title, **{**able, **own})


def _as_surveyed(model: Model, card: Any) -> Model:
    if card is None:
        return replace(model, served=False)
    return replace(
        model,
        served=True,
        providers=card["providers"] or model.providers,
        starting=card.get("starting", model.starting),
    )


def _guess(model_id: str) -> Model:
    return _model(model_id, name_of(model_id))
