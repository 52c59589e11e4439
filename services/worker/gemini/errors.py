"""Sorts Gemini's refusals into ours. Pure.

No text of an answer gets into our messages: the SDK's ``str(error)`` is the whole body, and a body may quote the
user's words.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.genai import errors

from shared.errors import (
    BadCredentials,
    FileRefused,
    FileTooLarge,
    GeminiBusy,
    GeminiDenied,
    GeminiNotServedHere,
    GeminiUnpaid,
    ImagineError,
    QuotaExhausted,
    UnexpectedAnswer,
)
from shared.json_types import JsonObject, JsonValue

MAX_RETRY_AFTER_S = 3600.0

# What we send and a model or a version of the API may not know, with the words by which a refusal names it.
REFUSABLE = {
    "system_instruction": r"system_?instruction|developer instruction",
    "thinking": r"thinking_?config|thinking_?level|thinking_?budget|thinking level|thinking budget|include_?thoughts",
    "schema": r"response_?(?:json_?)?schema|response_?mime_?type|json mode|property_?ordering",
    "sampling": r"temperature|top_?p\b|top_?k\b|sampling param",
    "safety": r"safety_?settings?|harm_?category",
    "output_tokens": r"max_?output_?tokens",
    "tools": r"function.?calling|tool use|function_?declarations?|\btools?\b",
    "image": r"image_?config|aspect_?ratio|response_?modalit",
}

# The reasons that Google gives (google.api.ErrorReason) when it is the key itself that is of no use.
_KEYS_FAULT = re.compile(r"API_KEY_[A-Z_]+|ACCESS_TOKEN_[A-Z_]+|CREDENTIALS_MISSING")
_ABOUT_THE_KEY = re.compile(
    r"api key (is )?(not valid|not found|invalid|expired|missing)|(api )?key was reported as leaked"
    r"|unregistered callers|authentication credential|use another api key",
    re.IGNORECASE,
)
# "check your plan and billing details" stands in every 429, so billing alone says nothing there.
_NO_CREDIT = re.compile(
    r"credits? (is|are|has been|have been) (depleted|exhausted|used up)|prepayment|insufficient (credit|balance|fund)"
    r"|spend(ing)? (cap|limit)",
    re.IGNORECASE,
)
_NO_BILLING = re.compile(r"billing", re.IGNORECASE)
_LOCATION = re.compile(r"location is not supported|not (available|supported) in your (country|region)", re.IGNORECASE)
_TOO_LONG = re.compile(r"token count .{0,40}exceeds|exceeds the maximum number of (input )?tokens", re.IGNORECASE)
_FILE = re.compile(
    r"\b(document|pdf|file|image|audio|video|media)\b.{0,80}\b(no pages|pages? limit|empty|corrupt|invalid|not valid"
    r"|unsupported|not supported|exceeds)"
    r"|(process|decode|read|open|retrieve)( the)?( input| provided)? (image|document|file|audio|video)"
    r"|unsupported (mime|file|image|media)|(mime ?type|media type).{0,80}(not supported|unsupported)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ModelGone:
    """No such model, or no longer (404)."""


@dataclass(frozen=True, slots=True)
class FieldRefused:
    """A field of the request is not known or not allowed here; ``field`` is a key of ``REFUSABLE``."""

    field: str


def read_error(error: errors.APIError) -> ImagineError | ModelGone | FieldRefused:
    """Say what a refusal means."""
    code = error.code
    if code == 429:
        return _limit_reached(error)
    if code == 408 or code >= 500:
        return GeminiBusy(_summary(error), retry_after=_retry_after(error))
    if code in {401, 403}:
        return _forbidden(error)
    if code == 400 and (account := _about_the_account(error)):
        return account
    # A proxy's page in HTML says 404 too, and tells nothing about models.
    if code == 404 and error.status == "NOT_FOUND":
        return ModelGone()
    if code == 400 and (field := _refused_field(error)):
        return FieldRefused(field)
    return (_about_a_file(error) if code in {400, 413} else None) or UnexpectedAnswer(_summary(error))


def is_the_keys_fault(code: int, body: object) -> bool:
    """Whether Google says of a key that it is of no use: not its account, not a policy, not where we stand."""
    error = errors.APIError(code, body if isinstance(body, dict) else {})
    return isinstance(read_error(error), BadCredentials)


def _forbidden(error: errors.APIError) -> ImagineError:
    """401 and 403: of the key, of what its project may do, or of something between us and Gemini."""
    if not _is_googles(error):
        return GeminiDenied(f"{_summary(error)}, not in Google's words")
    reasons, message = _reasons(error), error.message or ""
    if any(map(_KEYS_FAULT.fullmatch, reasons)) or _ABOUT_THE_KEY.search(message):
        return BadCredentials(_summary(error))
    if "BILLING_DISABLED" in reasons or _NO_CREDIT.search(message):
        return GeminiUnpaid(_summary(error))
    if "LOCATION_POLICY_VIOLATED" in reasons or _LOCATION.search(message):
        return GeminiNotServedHere(_summary(error))
    return BadCredentials(_summary(error)) if error.code == 401 else GeminiDenied(_summary(error))


def _about_the_account(error: errors.APIError) -> ImagineError | None:
    """What a 400 says of the key, its account, or where we stand; None where it says nothing of them."""
    message = error.message or ""
    if any(map(_KEYS_FAULT.fullmatch, _reasons(error))) or _ABOUT_THE_KEY.search(message):
        return BadCredentials(_summary(error))
    if error.status != "FAILED_PRECONDITION":
        return None
    # Where only paid accounts are served, billing is what helps.
    if _NO_BILLING.search(message) or _NO_CREDIT.search(message):
        return GeminiUnpaid(_summary(error))
    if _LOCATION.search(message):
        return GeminiNotServedHere(_summary(error))
    return GeminiDenied(_summary(error))


def _about_a_file(error: errors.APIError) -> ImagineError | None:
    message = error.message or ""
    if error.code == 413 or _TOO_LONG.search(message):
        return FileTooLarge(_summary(error))
    return FileRefused(_summary(error)) if _FILE.search(message) else None


def _limit_reached(error: errors.APIError) -> ImagineError:
    for violation in _violations(error, "QuotaFailure"):
        # A limit of 0 is how a free account reads that this model is not for free.
        if "perday" in str(violation.get("quotaId", "")).lower() or str(violation.get("quotaValue")) == "0":
            return QuotaExhausted(_summary(error))
    if _is_googles(error) and _NO_CREDIT.search(error.message or ""):
        return GeminiUnpaid(f"{_summary(error)}: no credit, or the spending cap")
    return GeminiBusy(_summary(error), retry_after=_retry_after(error))


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


def _seconds(text: JsonValue) -> float | None:
    """Read ``36s``, ``38.2s`` or ``36``; a date, as HTTP also allows, is not worth a clock."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)s?\s*", str(text), re.ASCII)
    return min(float(match[1]), MAX_RETRY_AFTER_S) if match else None


def _is_googles(error: errors.APIError) -> bool:
    """Whether it is Google's own JSON, and not the page of a proxy or of a network's edge."""
    body = error.details
    return isinstance(body, dict) and isinstance(body.get("error"), dict)


def _reasons(error: errors.APIError) -> list[str]:
    return [str(detail.get("reason")) for detail in _details(error) if _is(detail, "ErrorInfo")]


def _violations(error: errors.APIError, kind: str) -> Iterator[JsonObject]:
    for detail in _details(error):
        if _is(detail, kind):
            listed = detail.get("violations") or detail.get("fieldViolations")
            yield from (each for each in _as_list(listed) if isinstance(each, dict))


def _details(error: errors.APIError) -> list[JsonObject]:
    body = error.details
    inner = body.get("error") if isinstance(body, dict) else None
    listed = inner.get("details") if isinstance(inner, dict) else None
    return [detail for detail in _as_list(listed) if isinstance(detail, dict)]


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _is(detail: JsonObject, kind: str) -> bool:
    return str(detail.get("@type", "")).endswith(f".{kind}")


def _summary(error: errors.APIError) -> str:
    """Say code, status and reasons, and none of the answer's free text."""
    words = [str(error.status), *_reasons(error)]
    return " ".join(["Gemini answered", str(error.code), *(word for word in words if _is_code_word(word))])


def _is_code_word(word: str) -> bool:
    return bool(re.fullmatch(r"[A-Z][A-Z_]{1,60}", word))
