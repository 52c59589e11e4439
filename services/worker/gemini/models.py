"""How Gemini's models differ: thinking, sampling, length of the answer, successor. Data in, values out."""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from google.genai import types


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a family is told how much to think.

    Attributes:
        field: ``thinking_level`` or ``thinking_budget``; no model takes both.
        usual: Enough for a prompt.
        least: The least that the family allows.
    """

    field: str
    usual: str | int
    least: str | int

    def config(self, *, least: bool) -> types.ThinkingConfig:
        return types.ThinkingConfig.model_validate({self.field: self.least if least else self.usual})


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one name have in common.

    Attributes:
        thinking: None where thinking can't be set.
        sampling: Whether temperature, topP and topK may be sent.
        output_tokens: The longest answer, thoughts included.
        successor: The model to ask when this one is gone; None when nobody knows.
    """

    thinking: Thinking | None
    sampling: bool
    output_tokens: int
    successor: str | None


def plain_name(model: str) -> str:
    """Return a model's name without ``models/``."""
    return model.removeprefix("models/")


def family_of(model: str) -> Family:
    """Return the family of a model; one that nobody knows yet is taken for one of the newest."""
    families = _families()
    name = plain_name(model)
    return families[max((start for start in families if name.startswith(start)), key=len)]


@functools.cache
def _families() -> dict[str, Family]:
    text = resources.files(__package__).joinpath("chat_models.json").read_text(encoding="utf-8")
    return {start: _family(entry) for start, entry in json.loads(text)["families"].items()}


def _family(entry: dict[str, Any]) -> Family:
    thinking = entry.get("thinking")
    return Family(
        thinking=Thinking(**thinking) if thinking else None,
        sampling=entry["sampling"],
        output_tokens=entry["output_tokens"],
        successor=entry.get("successor"),
    )
