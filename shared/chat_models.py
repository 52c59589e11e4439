"""Which of Gemini's models write, what each can take, and who succeeds one that is gone. The data lies beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.preferences import MAX_TEMPERATURE, MAX_TOP_K


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one name have in common.

    Attributes:
        sampling: Whether temperature, topP and topK may be sent; models from 3.6 on don't take them.
        output_tokens: The longest answer, thoughts included.
        successor: The model to ask when this one is gone; None when nobody knows.
        retired: Whether it was shut down when the shipped list was made.
        thinking: How a worker sets it; None where it can't be set.
    """

    sampling: bool
    output_tokens: int
    successor: str | None = None
    retired: bool = False
    thinking: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model that somebody may choose for chats and prompts.

    Attributes:
        name: As Gemini has it, without ``models/``.
        max_temperature: The most that it takes.
        most_top_k: Of how many words it can choose at most; None where that can't be set.
        served: Whether Gemini names it, as the last survey says; None while there was none.
    """

    name: str
    family: Family
    output_tokens: int
    max_temperature: float = MAX_TEMPERATURE
    most_top_k: int | None = MAX_TOP_K
    served: bool | None = None

    @property
    def is_gone(self) -> bool:
        """Whether nobody can ask it any more, as far as we know."""
        return self.family.retired if self.served is None else not self.served

    def takes(self, name: str) -> bool:
        """Whether a preference (``temperature``, ``top_k`` …) makes a difference to it."""
        if name in {"temperature", "top_p", "top_k"} and not self.family.sampling:
            return False
        return name != "top_k" or self.most_top_k is not None


class ChatModels:
    """The chat models of this installation."""

    def __init__(self, default: str) -> None:
        """Take the shipped list; ``default`` is the owner's choice."""
        self.default = plain_name(default)
        self._surveyed: Mapping[str, Any] = {}

    def refresh(self, surveyed: Mapping[str, Any]) -> None:
        """Take over what a survey found, in place: everybody who holds this object sees it. Safe beside readers.

        Args:
            surveyed: Name → its card ``{"output_tokens", "max_temperature", "top_k"}``, each None where Gemini's own
                card is silent; empty while there was no survey.
        """
        self._surveyed = surveyed

    def offered(self) -> list[ChatModel]:
        """The models that somebody may choose: the ones we know to be good first, then as Gemini names them."""
        surveyed, known = self._surveyed, shipped()
        if not surveyed:
            return [self.model(name) for name in known]
        names = [name for name in known if name in surveyed]
        return [self.model(name) for name in dict.fromkeys([*names, *surveyed])]

    def model(self, name: str | None) -> ChatModel:
        """A model by its name, the owner's choice without one."""
        name = plain_name(name or self.default)
        family, surveyed = family_of(name), self._surveyed
        if name not in surveyed:
            return ChatModel(name, family, family.output_tokens, served=False if surveyed else None)
        card = surveyed[name]
        return ChatModel(
            name,
            family,
            card.get("output_tokens") or family.output_tokens,
            max_temperature=min(card.get("max_temperature") or MAX_TEMPERATURE, MAX_TEMPERATURE),
            # The card's number is what the model takes usually and at most; without one it takes none.
            most_top_k=card.get("top_k"),
            served=True,
        )

    def replacement(self, name: str) -> str | None:
        """Who takes the place of a chosen model that is gone; None while it can be had, or nobody could."""
        passed_over: list[str] = []
        model = self.model(name)
        while model.is_gone:
            passed_over.append(model.name)
            model = self.model(model.family.successor or self.default)
            if model.name in passed_over:
                return None
        return model.name if passed_over else None


def plain_name(model: str) -> str:
    """A model's name without ``models/``."""
    return model.removeprefix("models/")


def family_of(model: str) -> Family:
    """The family of a model; one that nobody knows yet is taken for one of the newest."""
    families, name = _families(), plain_name(model)
    return families[max((start for start in families if name.startswith(start)), key=len)]


@cache
def _content() -> Any:
    return json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@cache
def shipped() -> tuple[str, ...]:
    """The models that we know to be good, the best first; each has a quota of its own."""
    return tuple(_content()["offered"])


@cache
def _families() -> Mapping[str, Family]:
    return {start: Family(**entry) for start, entry in _content()["families"].items()}
