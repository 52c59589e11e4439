"""The numbers of ``/settings``: their presets, how far they go, and how they are read. Pure."""

import re

from shared.chat_models import ChatModel
from shared.preferences import LEAST_OUTPUT_TOKENS, LEAST_PROMPT_TOKENS, MAX_OUTPUT_TOKENS, MAX_PROMPT_TOKENS, MAX_TOP_K

PRESETS: dict[str, tuple[float, ...]] = {
    "temperature": (0, 0.3, 0.5, 0.7, 0.9, 1, 1.5, 2),
    "top_p": (0.5, 0.8, 0.9, 0.95, 1),
    "top_k": (1, 10, 20, 40, 64),
    "prompt_tokens": (40, 80, 160, 320),
    "output_tokens": (512, 1024, 2048, 4096, 8192),
}
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,6})?")


class Unreadable(Exception):
    """What was typed is no number."""


class OutOfRange(Exception):
    """A number that can't be chosen."""


def limits(name: str, model: ChatModel) -> tuple[float, float]:
    """The least and the most of a number that can be chosen for this chat model, as its own card has it."""
    return {
        "temperature": (0.0, model.max_temperature),
        "top_p": (0.0, 1.0),
        "top_k": (1, model.most_top_k or MAX_TOP_K),
        "prompt_tokens": (LEAST_PROMPT_TOKENS, MAX_PROMPT_TOKENS),
        "output_tokens": (LEAST_OUTPUT_TOKENS, min(model.output_tokens, MAX_OUTPUT_TOKENS)),
    }[name]


def presets(name: str, model: ChatModel) -> list[float]:
    """The presets within the model's limits."""
    least, most = limits(name, model)
    return [number for number in PRESETS[name] if least <= number <= most]


def read_number(name: str, typed: str, model: ChatModel) -> float:
    """Read a number for a preference as it was typed, ``0,7`` or ``0.7``.

    Raises:
        Unreadable, OutOfRange: It can't be chosen.
    """
    typed = typed.strip()
    if not _NUMBER.fullmatch(typed):
        raise Unreadable
    number = float(typed.replace(",", "."))
    least, most = limits(name, model)
    if not least <= number <= most:
        raise OutOfRange
    if name in {"temperature", "top_p"}:
        return number
    if not number.is_integer():
        raise Unreadable
    return int(number)
