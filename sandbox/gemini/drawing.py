"""Calls functions: where the last turn asks for a picture and a declared function makes some, that is the answer."""

import re
from typing import Any

from sandbox.gemini.question import Function, Question

_MAKES_PICTURES = re.compile(r"picture|image|drawing", re.IGNORECASE)
# How people ask for one in the eight languages of the demo.
_WISH = re.compile(
    r"^\W*(?:please\s+|can you\s+|bitte\s+|por favor,?\s+|请|請|给我|пожалуйста,?\s+|من فضلك\s+)?(?:"
    r"(?:draw|paint|sketch)\b(?:\s+me\b)?"
    r"|(?:make|create|generate)\s+(?:me\s+)?(?=[\w ]*\b(?:picture|image|drawing)s?\b)"
    r"|desenh[ae]\b|zeichne\b(?:\s+mir\b)?|mal(?:e)?\s+mir\b|dib[uú]ja(?:me)?\b|dessine(?:-moi)?\b"
    r"|нарисуй(?:те)?\b(?:\s+мне\b)?|画|畫|ارسم(?:\s+لي)?)\s*(?P<rest>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_HOW_MANY = re.compile(r"^(\d{1,2})\s+(?:pictures?|images?|drawings?)\s+of\s+", re.IGNORECASE)
_A_PICTURE_OF = re.compile(r"^(?:an?\s+|the\s+)?(?:picture|image|drawing)\s+of\s+", re.IGNORECASE)
_QUOTED = re.compile(r".*</\w+>", re.DOTALL)  # what others wrote stands before the person's own words


def call_for(question: Question) -> dict[str, Any] | None:
    """The call that the last turn asks for, as a part of the answer has it."""
    makes = next((one for one in question.functions if _MAKES_PICTURES.search(one.name)), None)
    wish = _WISH.match(_QUOTED.sub("", question.last.text).strip())
    if makes is None or wish is None or question.schema is not None:
        return None
    words = wish["rest"].strip().rstrip(".!。")
    many = _HOW_MANY.match(words)
    idea = _A_PICTURE_OF.sub("", words[many.end() :] if many else words)
    return {"name": makes.name, "args": _arguments(makes, idea, int(many[1]) if many else None)}


def _arguments(function: Function, idea: str, count: int | None) -> dict[str, Any]:
    """The idea for each text that is required, and the number for each optional whole number."""
    args: dict[str, Any] = dict.fromkeys(function.required, idea)
    return args | ({name: count for name, kind in function.properties.items() if kind == "INTEGER"} if count else {})
