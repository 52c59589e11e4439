"""How Gemini's models are told how much to think, and what else sets them apart."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from google.genai import types

from shared import chat_models
from shared.chat_models import plain_name

# Words in the names of models that generate content, but are no partners for a chat, or write no prompts.
_OTHER_TRADES = re.compile(
    r"(?:^|-)(?:image|imagen|banana|veo|lyria|tts|audio|live|embedding|robotics|computer|research|aqa)(?:-|$)"
)


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


@functools.lru_cache(maxsize=1_000)
def family_of(model: str) -> Family:
    """Return the family of a model; one that nobody knows yet is taken for one of the newest."""
    family = chat_models.family_of(model)
    return Family(
        thinking=Thinking(**family.thinking) if family.thinking else None,  # type: ignore[arg-type]
        sampling=family.sampling,
        output_tokens=family.output_tokens,
        successor=family.successor,
    )


def cards_of(models: Iterable[types.Model]) -> dict[str, dict[str, float | None]]:
    """The cards of those models that write text, as ``shared.chat_models`` reads them, by plain name."""
    return {
        plain_name(model.name): {
            "output_tokens": model.output_token_limit,
            "max_temperature": model.max_temperature,
            "top_k": model.top_k,
        }
        for model in models
        if model.name and "generateContent" in (model.supported_actions or ()) and _writes(plain_name(model.name))
    }


def image_models(models: Iterable[types.Model]) -> list[str]:
    """Those that create pictures as an answer, by plain name."""
    able = (model for model in models if model.name and "generateContent" in (model.supported_actions or ()))
    return [name for model in able if "image" in (name := plain_name(str(model.name))).split("-")]


def _writes(name: str) -> bool:
    return not _OTHER_TRADES.search(name)
