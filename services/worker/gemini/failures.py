"""Sorts Gemini's refusals into ours. Pure.

No text of an answer gets into our messages: the SDK's ``str(error)`` is the whole body, and a body may quote the
user's words.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.genai import errors

from shared.errors import BadCredentials, ImagineError, QuotaExhausted, ServiceBusy, UnexpectedAnswer

MAX_RETRY_AFTER_S = 3600.0

# What we send and a model or a version of the API may not know, with the words by which a refusal names it.
REFUSABLE = {
    "system_instruction": r"system_?instruction|developer instruction",
    "thinking": r"thinking_?config|thinking_?level|thinking_?budget|thinking level|thinking budget|include_?thoughts",
    "schema": r"response_?(?:json_?)?schema|response_?mime_?type|json mode|property_?ordering",
    "sampling": r"temperature|top_?p\b|top_?k\b|sampling param",
    "safety": r"safety_?settings?|harm_?category",
    "output_tokens": r"max_?output_?tokens",
}


@dataclass(frozen=True, slots=True)
class ModelGone:
    """No such model, or no longer (404)."""


@dataclass(frozen=True, slots=True)
class FieldRefused:
    """A field of the request is not known or not allowed here; ``field`` is a key of ``REFUSABLE``."""

    field: str


def sort_failure(error: errors.APIError) -> ImagineError | ModelGone | FieldRefused:
    """Say what a refusal means."""
    code = error.code
    if code == 429:
        return _limit_reached(error)
    if code == 408 or code >= 500:
        return ServiceBusy(_summary(error), retry_after=_retry_after(error))
    if code in {401, 403} or _is_about_the_account(error):
        return BadCredentials(_summary(error))
    # A proxy's page in HTML says 404 too, and tells nothing about models.
    if code == 404 and error.status == "NOT_FOUND":
        return ModelGone()
    if code == 400 and (field := _refused_field(error)):
        return FieldRefused(field)
    return UnexpectedAnswer(_summary(error))


def _limit_reached(error: errors.APIError) -> ImagineError:
    for violation in _violations(error, "QuotaFailure"):
        # A limit of 0 is how a free account reads that this model is not for free.
        if "perday" in str(violation.get("quotaId", "")).lower() or str(violation.get("quotaValue")) == "0":
            return QuotaExhausted(_summary(error))
    return ServiceBusy(_summary(error), retry_after=_retry_after(error))


def _is_about_the_account(error: errors.APIError) -> bool:
    if error.code != 400:
        return False
    # FAILED_PRECONDITION: the country is not served, or billing has to be set up.
    return (
        error.status == "FAILED_PRECONDITION"
        or "API_KEY_INVALID" in _reasons(error)
        or bool(re.search(r"api key (not valid|not found|expired)", error.message or "", re.IGNORECASE))
    )


def _refused_field(error: errors.APIError) -> str | None:
    named = [str(violation.get("field", "")) for violation in _violations(error, "BadRequest")]
    for text in [*named, error.message or ""]:
        for field, words in REFUSABLE.items():
            if re.search(words, text, re.IGNORECASE):
                return field
    return None


def _retry_after(error: errors.APIError) -> float | None:
    """Return the seconds that the answer asks us to wait."""
    for detail in _details(error):
        if _is(detail, "RetryInfo") and (seconds := _seconds(detail.get("retryDelay"))) is not None:
            return seconds
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    return _seconds(headers.get("retry-after"))


def _seconds(text: Any) -> float | None:
    """Read ``36s``, ``38.2s`` or ``36``; a date, as HTTP also allows, is not worth a clock."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)s?\s*", str(text), re.ASCII)
    return min(float(match[1]), MAX_RETRY_AFTER_S) if match else None


def _reasons(error: errors.APIError) -> list[str]:
    return [str(detail.get("reason")) for detail in _details(error) if _is(detail, "ErrorInfo")]


def _violations(error: errors.APIError, kind: str) -> Iterator[dict[str, Any]]:
    for detail in _details(error):
        if _is(detail, kind):
            listed = detail.get("violations") or detail.get("fieldViolations")
            yield from (each for each in _as_list(listed) if isinstance(each, dict))


def _details(error: errors.APIError) -> list[dict[str, Any]]:
    body = error.details
    inner = body.get("error") if isinstance(body, dict) else None
    listed = inner.get("details") if isinstance(inner, dict) else None
    return [detail for detail in _as_list(listed) if isinstance(detail, dict)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is(detail: dict[str, Any], kind: str) -> bool:
    return str(detail.get("@type", "")).endswith(f".{kind}")


def _summary(error: errors.APIError) -> str:
    """Say code, status and reasons, and none of the answer's free text."""
    words = [str(error.status), *_reasons(error)]
    return " ".join(["Gemini answered", str(error.code), *(word for word in words if _is_code_word(word))])


def _is_code_word(word: str) -> bool:
    return bool(re.fullmatch(r"[A-Z][A-Z_]{1,60}", word))
