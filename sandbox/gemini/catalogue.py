"""The models: which there are, what they think with, and which were shut down."""

# ruff: noqa: E501 -- one row a model.

from dataclasses import dataclass
from typing import Any

LEVELS = ("minimal", "low", "medium", "high")
NEWEST_LEVELS = ("medium", "low", "high")  # in the order in which the real refusal names them
THOUGHT_TOKENS = {"minimal": 0, "low": 60, "medium": 240, "high": 900}


@dataclass(frozen=True)
class Model:
    """One model. ``levels`` is empty where thinking is set by a budget in tokens or doesn't exist."""

    name: str
    display_name: str
    levels: tuple[str, ...] = LEVELS
    default_level: str = "medium"
    thinks: bool = True
    must_think: bool = False
    deprecates_sampling: bool = False
    paints: bool = False
    aliases: tuple[str, ...] = ()

    def card(self, name: str | None = None) -> dict[str, Any]:
        """Return the model as ``models.list`` shows it."""
        card: dict[str, Any] = {
            "name": f"models/{name or self.name}",
            "version": self.name.removeprefix("gemini-").split("-")[0],
            "displayName": self.display_name,
            "description": f"{self.display_name}, as the sandbox plays it.",
            "inputTokenLimit": 65_536 if self.paints else 1_048_576,
            "outputTokenLimit": 32_768 if self.paints else 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent"],
            "temperature": 1,
            "maxTemperature": 2,
            "topP": 0.95,
            "topK": 64,
        }
        return card | ({"thinking": True} if self.thinks else {})


MODELS = (
    Model("gemini-3.8-flash", "Gemini 3.8 Flash", NEWEST_LEVELS, deprecates_sampling=True, aliases=("gemini-flash-latest",)),
    Model("gemini-3.7-flash", "Gemini 3.7 Flash", NEWEST_LEVELS, deprecates_sampling=True),
    Model("gemini-3.6-flash", "Gemini 3.6 Flash", deprecates_sampling=True),
    Model("gemini-3.5-flash", "Gemini 3.5 Flash"),
    Model("gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite", default_level="minimal", aliases=("gemini-flash-lite-latest",)),
    Model("gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite", default_level="minimal"),
    Model("gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview", ("low", "medium", "high"), "high", must_think=True, aliases=("gemini-pro-latest",)),
    Model("gemini-3-flash-preview", "Gemini 3 Flash Preview", default_level="high"),
    Model("gemini-2.5-flash", "Gemini 2.5 Flash", ()),
    Model("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", (), default_level="minimal"),
    Model("gemini-2.5-pro", "Gemini 2.5 Pro", (), must_think=True),
    Model("gemini-3.1-flash-image", "Gemini 3.1 Flash Image", (), "minimal", thinks=False, paints=True),
    Model("gemini-3.1-flash-lite-image", "Gemini 3.1 Flash-Lite Image", (), "minimal", thinks=False, paints=True),
    Model("gemini-3-pro-image", "Gemini 3 Pro Image", (), "minimal", thinks=False, paints=True),
)  # fmt: skip
# Listed with the others, and made for something else than text.
OTHERS = (
    ("gemini-2.5-flash-preview-tts", "Gemini 2.5 Flash Preview TTS", ("countTokens", "generateContent")),
    ("gemini-embedding-001", "Gemini Embedding 001", ("embedContent", "countTextTokens", "countTokens")),
)
RETIRED_PREFIXES = ("gemini-2.0-", "gemini-1.5-", "gemini-1.0-", "gemini-pro", "imagen-")


def find(name: str, version: str) -> Model | None:
    """Return the model called ``name``; aliases exist everywhere but in ``v1``."""
    for model in MODELS:
        if name == model.name or (name in model.aliases and version != "v1"):
            return model
    return None


def is_retired(name: str) -> bool:
    """Tell whether a model of that name was shut down."""
    return find(name, "v1beta") is None and name.startswith(RETIRED_PREFIXES)


def cards(version: str) -> list[dict[str, Any]]:
    """Return the cards of all models in that version of the API."""
    shown = [model.card() for model in MODELS]
    shown += [
        Model(name, title, thinks=False).card() | {"supportedGenerationMethods": [*methods]}
        for name, title, methods in OTHERS
    ]
    if version != "v1":
        shown += [model.card(alias) for model in MODELS for alias in model.aliases]
    return shown
