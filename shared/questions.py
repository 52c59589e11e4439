"""Questions that the bot has asked a person and that are not answered yet. Frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

OPEN_FOR = timedelta(minutes=10)  # how long the next message is taken for the answer


class Asked(StrEnum):
    """What the bot wants to know, and what ``Question.about`` holds."""

    IDEA = "idea"  # what to paint
    PICTURE = "picture"  # which picture to describe
    PROMPT = "prompt"  # other words for the prompt of the picture of ``job``
    VALUE = "value"  # an exact value of the preference ``name``, for the settings in message ``settings``
    KEY = "key"  # a person's own key for ``service``


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked."""

    kind: Asked
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question stands: a private chat, or a topic of it. There is one open question a place.

    Attributes:
        topic_id: 0 outside topics.
    """

    chat_id: int
    topic_id: int = 0


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that is not answered yet, and when it was asked."""

    place: Place
    question: Question
    asked_at: datetime
