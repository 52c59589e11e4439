"""Calls methods of the Bot API and returns what Telegram sent, before any library has read it."""

import json
from http import HTTPStatus
from urllib.parse import urlsplit

from telegram.error import TelegramError, TimedOut

from services.bot.intake.poll_failures import Failure, Nonsense, Refused, Unreachable
from services.bot.telegram.transport import Transport
from shared.json_types import JsonValue, inside

ANSWER_S = 15.0  # beyond the time that a call is meant to take
LONGEST_DESCRIPTION = 200  # characters


class CallFailed(Exception):
    """A call brought no result."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class RawApi:
    """One bot's methods at one address. A call ends within its own time and 15 s more, however slow the network."""

    def __init__(self, api_url: str, token: str, transport: Transport, *, answer_s: float = ANSWER_S) -> None:
        self._url = f"{api_url}/bot{token}"
        self._transport = transport
        self._answer_s = answer_s
        self.address = _without_user(api_url)

    async def open(self) -> None:
        """Prepare the connection; nothing connects yet."""
        await self._transport.initialize()

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.shutdown()

    async def call(self, method: str, *, takes_s: float = 0.0, **parameters: object) -> JsonValue:
        """Call a method; returns its result.

        Args:
            takes_s: For so long Telegram may wait on purpose before it answers.

        Raises:
            CallFailed: There is no result; says why.
        """
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        within_s = takes_s + self._answer_s
        try:
            status, body = await self._transport.ask(f"{self._url}/{method}", fields, within_s=within_s)
        except TimedOut:
            raise CallFailed(Unreachable(f"no answer within {within_s:.0f} s")) from None
        except TelegramError as error:
            raise CallFailed(Unreachable(error.message)) from None
        return result_of(status, body)


def result_of(status: int, body: bytes) -> JsonValue:
    """Read an answer. Pure.

    Raises:
        CallFailed: It is a refusal, or not the Bot API's.
    """
    try:
        answer = _read(body)
    except (ValueError, RecursionError):
        answer = None
    match answer:
        case {"ok": True, "result": result} if status == HTTPStatus.OK:
            return result
        case {"ok": False}:
            raise CallFailed(_refusal(status, answer))
    if status == HTTPStatus.OK:
        raise CallFailed(Nonsense(_looks_like(body)))
    raise CallFailed(Refused(status, _looks_like(body)))


def _read(body: bytes) -> JsonValue:
    """The JSON of an answer. Half a surrogate pair, which JSON can spell and no text can hold, becomes ``?``."""
    answer: JsonValue = json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace"))
    return answer


def _refusal(status: int, answer: JsonValue) -> Refused:
    code, wait = inside(answer, "error_code"), inside(answer, "parameters", "retry_after")
    return Refused(
        # A proxy may have answered 200 in Telegram's name.
        code if status == HTTPStatus.OK and isinstance(code, int) else status,
        str(inside(answer, "description") or "")[:LONGEST_DESCRIPTION],
        float(wait) if isinstance(wait, int | float) and wait > 0 else None,
    )


def _looks_like(body: bytes) -> str:
    """What an answer is that is not the Bot API's; its words are not repeated, for they may be a person's."""
    start = body.lstrip()[:1]
    return {b"": "nothing", b"<": "an HTML page", b"{": "other JSON", b"[": "other JSON"}.get(start, "other text")


def _without_user(url: str) -> str:
    """The address without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
