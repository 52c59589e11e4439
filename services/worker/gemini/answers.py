"""Reads what Gemini wrote: its answer, as the SDK holds it, in; a draft of a prompt, or what is wrong, out. Pure."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.genai import types

from shared.errors import IdeaRefused
from shared.json_types import JsonObject, JsonValue

REFUSING_ENDS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_FENCED = re.compile(r"```[a-zA-Z]*\s*(.*?)\s*(?:```|\Z)", re.DOTALL)
# What is whole of a JSON string that may end anywhere, also in the middle of an escape.
_STRING = r'"\s*:\s*"((?:[^"\\]|\\[^u]|\\u[0-9a-fA-F]{4})*)'
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Draft:
    """What Gemini wrote, as long as it made it.

    Attributes:
        prompt: One line, not empty.
        language: IETF tag; ``und`` where it said none that is one.
    """

    prompt: str
    negative: str = ""
    title: str = ""
    language: str = "und"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The answer ended at the token limit, be it by its own words or by the thoughts before them."""

    text: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """An answer that is not what was asked for; ``flaw`` says why without quoting it."""

    text: str
    flaw: str


def why_blocked(answer: types.GenerateContentResponse) -> str | None:
    """The reason for which Gemini blocked the question; an unspecified one beside an answer is none."""
    feedback = answer.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    reason = reason_of(feedback.block_reason)
    is_unspecified = reason in {"BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"}
    return None if is_unspecified and answer.candidates else reason


def read_answer(answer: types.GenerateContentResponse) -> Draft | Unfinished | Garbled:
    """Read an answer.

    Raises:
        IdeaRefused: The question or the answer was blocked; the message names the reason that Gemini gave.
    """
    if reason := why_blocked(answer):
        raise IdeaRefused(f"Gemini blocked the question: {reason}")

    candidate = answer.candidates[0] if answer.candidates else None
    if candidate is None:
        return Garbled("", "no candidate")
    end = reason_of(candidate.finish_reason)
    if end in REFUSING_ENDS:
        raise IdeaRefused(f"Gemini blocked its answer: {end}")

    text = text_of(candidate)
    draft = read_draft(text)
    if draft is None:
        return Unfinished(text) if end == "MAX_TOKENS" else Garbled(text, f"no prompt in it, ended by {end}")
    if not is_english(draft.prompt):
        return Garbled(text, "the prompt is not in English")
    return draft


def text_of(candidate: types.Candidate) -> str:
    """Join what a candidate says; its thoughts are left out."""
    parts = (candidate.content.parts if candidate.content else None) or []
    return "".join(part.text for part in parts if part.text and not part.thought)


def read_draft(text: str) -> Draft | None:
    """Read the JSON that was asked for, also from inside a Markdown fence or among other words."""
    for read in _values(text):
        first = read[0] if isinstance(read, list) and read else read
        if isinstance(first, dict) and (draft := _draft(first)):
            return draft
    return None


def read_object(text: str, field: str) -> JsonObject | None:
    """Read the JSON object with this field, as ``read_draft`` reads its own; a list alone is taken for the field."""
    for read in _values(text):
        if isinstance(read, dict) and field in read:
            return read
        if isinstance(read, list):
            return {field: read}
    return None


def _values(text: str) -> Iterator[JsonValue]:
    """What a text may be meant for as JSON."""
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else "", text[text.find("{") : text.rfind("}") + 1]):
        try:
            yield json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue


def salvage(text: str) -> Draft | None:
    """Save what can be saved of broken JSON: the prompt as far as it got, and what stands whole beside it.

    Text that is no JSON at all is not taken: it might be an excuse.
    """
    if draft := read_draft(text):
        return draft
    found = {}
    for field in ("prompt", "negative_prompt", "title", "language"):
        if match := re.search(f'"{field}{_STRING}', text, re.DOTALL):
            found[field] = _unescaped(match[1])
    prompt = found.get("prompt", "")
    # A word or two is what was said before the point came.
    return _draft(found) if len(prompt.split()) >= 4 else None


def is_english(prompt: str) -> bool:
    """Tell whether most letters are Latin; what stands in quotes may be in any script."""
    if prompt.isascii():
        return True
    letters = [character for character in re.sub(r'"[^"]*"|“[^”]*”', "", prompt) if character.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return latin * 2 >= len(letters)


def _draft(read: Mapping[str, object]) -> Draft | None:
    prompt = _line(read.get("prompt"))
    if not any(character.isalnum() for character in prompt):
        return None
    language = _line(read.get("language")).replace("_", "-")
    return Draft(
        prompt=prompt,
        negative=_line(read.get("negative_prompt")),
        title=_line(read.get("title")),
        language=language if _LANGUAGE_TAG.fullmatch(language) and len(language) <= 35 else "und",
    )


def _line(value: object) -> str:
    """Put a text on one line, without control characters; what is no text is empty."""
    if not isinstance(value, str):
        return ""
    if value.isprintable():
        return " ".join(value.split())
    kept = (" " if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} else letter for letter in value)
    return " ".join("".join(kept).split())


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text.replace("\\", "")


def reason_of(value: object) -> str:
    """Name a reason; one that the SDK does not know yet is kept as it came."""
    name = str(getattr(value, "value", value))
    return name if re.fullmatch(r"[A-Z_]{1,60}", name) else "unnamed"


def tokens_of(usage: types.GenerateContentResponseUsageMetadata | None) -> tuple[int, int]:
    """The tokens that were read and those that were written, thoughts included: both are paid for."""
    if usage is None:
        return 0, 0
    return usage.prompt_token_count or 0, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
