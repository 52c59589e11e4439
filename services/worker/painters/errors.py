"""Decides what an error answer means. Pure: status, headers and body in, one of our errors out."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.clock import present
from shared.errors import (
    BadCredentials,
    ImagineError,
    ModelGated,
    ModelLoading,
    ModelNotServed,
    NoCredit,
    PainterDenied,
    PictureRefused,
    RequestRefused,
    ServiceBusy,
    UnexpectedAnswer,
)
from shared.json_types import JsonValue
from shared.redaction import redact

MAX_TEXT = 200  # characters of a service's message that the log may know
MAX_RETRY_AFTER_S = 3600.0
MAX_ESTIMATE_S = 600.0
ENDPOINT = "endpoint"  # the provider's name that our own dedicated endpoints go by

_MODERATION = re.compile(
    r"nsfw|content[ _-]?policy|moderat|safety (system|check|filter)|flagged|unsafe|inappropriate"
    r"|(sensitive|prohibited|harmful|explicit) (content|material)",
    re.IGNORECASE,
)
_LOADING = re.compile(r"\bloading\b|cold[ -]?start|scal(ed|ing) (to zero|up)|initiali[sz]ing", re.IGNORECASE)
_NO_CREDIT = re.compile(
    r"(depleted|exceeded) your monthly|pay-as-you|exhausted balance|insufficient (balance|credit|fund)"
    r"|pre-?paid credits|billing|payment required|spend(ing)? (cap|limit)",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(
    r"not supported by provider|no longer supported|deprecated|unknown model|invalid model"
    r"|\bnot found|model[^.]{0,80}(not (supported|available)|does not exist)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"sufficient permission|authentication|invalid (username|credential|token|api key)|unauthori[sz]ed", re.IGNORECASE
)
_GATED = re.compile(
    r"\bgated\b|access to model .{0,200}restricted|authorized list|accept(ed|ing)? (the|its|their) (condition|term)"
    r"|licen[cs]e|awaiting (a )?review|agree to share",
    re.IGNORECASE,
)
_STATUS = ("code", "status_code", "statusCode", "status")
_RATE_LIMIT = re.compile(r"\bt=(\d+)")


@dataclass(frozen=True, slots=True)
class _Failure:
    status: int
    headers: Mapping[str, str]
    content: JsonValue  # the body's JSON, None where it isn't any
    text: str
    provider: str
    now: datetime
    is_page: bool

    @property
    def says(self) -> str:
        return f"{self.provider} answered {self.status}" + (f": {self.text}" if self.text else "")

    @property
    def retry_after(self) -> float | None:
        return retry_after(self.headers, self.now)

    @property
    def estimate(self) -> JsonValue:
        return self.content.get("estimated_time") if isinstance(self.content, dict) else None


def read_failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    provider: str,
    now: datetime | None = None,
    sent: Sequence[str] = (),
) -> ImagineError:
    """Tell who can mend what this answer says.

    Args:
        status: HTTP status. Some services put an error under a 2xx, which is read by the status in its body, else by
            its words.
        headers: Found whatever the case of their names.
        provider: Whose answer it is, for the log.
        now: What a ``Retry-After`` date is counted from.
        sent: Words of the order, which say nothing of the failure where the answer repeats them.
    """
    content = _json(body)
    told = _told_status(content) if 200 <= status < 300 else None
    text, now = error_text(body, sent), now or present()
    error = _sort(_Failure(told or status, headers, content, text, provider, now, is_page(body)))
    error.status = status
    return error


def _sort(failure: _Failure) -> ImagineError:
    match failure.status:
        case 401 if failure.is_page:
            # No service of theirs says so of a token: it is a network's edge, or a portal that wants a login.
            return PainterDenied(failure.says)
        case 401:
            return BadCredentials(failure.says)
        case 402:
            return NoCredit(failure.says)
        case 403:
            return _forbidden(failure)
        case 404 | 410 | 501:
            return ModelNotServed(failure.says)
        case 429 if not _NO_CREDIT.search(failure.text):
            return ServiceBusy(failure.says, retry_after=failure.retry_after)
        case 429:
            return NoCredit(failure.says)
        case 400 | 405 | 406 | 413 | 415 | 422:
            return _bad_request(failure)
        case 408 | 409 | 425:
            return ServiceBusy(failure.says, retry_after=failure.retry_after)
        case 451:
            return PictureRefused(failure.says)
        case status if 300 <= status < 500:
            return UnexpectedAnswer(failure.says)
        case status if status < 300 and _NO_CREDIT.search(failure.text):
            return NoCredit(failure.says)
    return _trouble(failure)


def _told_status(content: JsonValue) -> int | None:
    """The status that an error's body names; none of a key, for who says it there may speak of a key of its own."""
    if not isinstance(content, dict):
        return None
    named = [part.get(name) for part in (content, content.get("error")) if isinstance(part, dict) for name in _STATUS]
    found = (int(value) for value in map(_number, named) if value is not None)
    return next((status for status in found if 400 <= status < 600 and status not in {401, 403}), None)


def is_page(body: bytes) -> bool:
    """Whether it is HTML, as a gateway or a network's edge sends it."""
    return body[:100].lstrip().lower().startswith((b"<!doctype html", b"<html", b"<head", b"<h1"))


def tells_an_error(body: bytes) -> bool:
    """Whether a body under a 2xx holds an error."""
    return bool(error_text(body)) or _told_status(_json(body)) is not None


def is_the_tokens_fault(status: int, body: object) -> bool:
    """Whether HuggingFace says of a token, in its own JSON, that it is of no use."""
    text = error_text(json.dumps(body).encode())
    return status == 401 or (status == 403 and bool(_CREDENTIALS.search(text)))


def _forbidden(failure: _Failure) -> ImagineError:
    if _NO_CREDIT.search(failure.text):
        return NoCredit(failure.says)
    if _MODERATION.search(failure.text):
        return PictureRefused(failure.says)
    if _CREDENTIALS.search(failure.text):
        return BadCredentials(failure.says)
    # What says nothing of a licence may be a network's edge, or an organization's rule.
    gated = failure.headers.get("x-error-code") == "GatedRepo" or _GATED.search(failure.text)
    return ModelGated(failure.says) if gated else PainterDenied(failure.says)


def _bad_request(failure: _Failure) -> ImagineError:
    if _MODERATION.search(failure.text):
        return PictureRefused(failure.says)
    if _NO_CREDIT.search(failure.text):
        return NoCredit(failure.says)
    if _NO_SUCH_MODEL.search(failure.text):
        return ModelNotServed(failure.says)
    return RequestRefused(failure.says)


def _trouble(failure: _Failure) -> ImagineError:
    if _MODERATION.search(failure.text):
        return PictureRefused(failure.says)
    if failure.estimate is not None or _LOADING.search(failure.text):
        seconds = estimated_seconds(failure.estimate)
        return ModelLoading(failure.says, retry_after=failure.retry_after if seconds is None else seconds)
    if failure.status == 503 and failure.provider == ENDPOINT:
        # A dedicated endpoint that scaled to zero says nothing but 503 while it starts.
        return ModelLoading(failure.says, retry_after=failure.retry_after)
    return ServiceBusy(failure.says, retry_after=failure.retry_after)


def estimated_seconds(value: JsonValue) -> float | None:
    """A service's guess of how long a model loads; None where it is no sensible number of seconds."""
    seconds = _number(value)
    if seconds is None or seconds < 0:
        return None
    return min(seconds, MAX_ESTIMATE_S)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait as the headers of an error say it: ``Retry-After`` first, then what is left of a rate limit."""
    seconds = _retry_after(headers.get("retry-after", ""), now)
    if seconds is None and (limit := _RATE_LIMIT.search(headers.get("ratelimit", ""))):
        seconds = float(limit[1])
    if seconds is None:
        seconds = _number(headers.get("ratelimit-reset"))
    if seconds is None:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _retry_after(value: str, now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def error_text(body: bytes, sent: Sequence[str] = ()) -> str:
    """What an error body says, on one line of at most ``MAX_TEXT`` characters, without keys; empty for HTML.

    Args:
        sent: Words of ours that are left out where the body repeats them.
    """
    content = _json(body)
    if content is not None:
        text = " · ".join(_words(content))
    else:
        text = body[: 4 * MAX_TEXT].decode(errors="replace")
        text = "" if text.lstrip().startswith("<") else text
    for words in sent:
        text = text.replace(words, "…") if words else text
    text = redact(" ".join(text.split()))
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


# Where the providers keep their words; never "input" or "ctx", which hold what was asked for.
_SPEAKING = ("error", "message", "detail", "title", "msg", "type", "error_type", "code", "warnings")


def _words(content: JsonValue, depth: int = 0) -> list[str]:
    if isinstance(content, str):
        return [content]
    if depth > 4:
        return []
    if isinstance(content, list):
        return [word for item in content[:8] for word in _words(item, depth + 1)]
    if isinstance(content, dict):
        return [word for key in _SPEAKING if key in content for word in _words(content[key], depth + 1)]
    return []


def _json(body: bytes) -> JsonValue:
    try:
        content: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content
