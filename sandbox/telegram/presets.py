"""Telegram's named faults, for the switchboard: each returns the fault's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.telegram.errors import NOT_MODIFIED, QUERY_TOO_OLD
from sandbox.telegram.updates import OTHER_POLLER

Fields = dict[str, Any]


def _refusal(status: int, description: str, **parameters: Any) -> Fields:
    reply: Fields = {"ok": False, "error_code": status, "description": description}
    if parameters:
        reply["parameters"] = parameters
    return {"status": status, "reply": reply}


def too_many_requests(retry_after: int = 3) -> Fields:
    refused = _refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
    return refused | {"headers": {"Retry-After": str(retry_after)}}


def migrated(to: int = -1_001_999_999_999) -> Fields:
    return _refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=to)


def bad_request(text: str = "chat not found") -> Fields:
    return _refusal(400, f"Bad Request: {text}")


def forbidden(text: str = "bot was blocked by the user") -> Fields:
    return _refusal(403, f"Forbidden: {text}")


def not_modified() -> Fields:
    return bad_request(NOT_MODIFIED)


def query_too_old() -> Fields:
    return bad_request(QUERY_TOO_OLD)


def method_not_found() -> Fields:
    """A Bot API server that is older than the method."""
    return _refusal(404, "Not Found: method not found")


def unauthorized() -> Fields:
    return _refusal(401, "Unauthorized")


def conflict() -> Fields:
    return _refusal(409, f"Conflict: {OTHER_POLLER}")


def internal_error() -> Fields:
    return _refusal(500, "Internal Server Error: restart")


def too_large(page: bool = True) -> Fields:
    """A request larger than the Bot API server takes, or the proxy before it, which answers with a page."""
    if not page:
        return _refusal(413, "Request Entity Too Large")
    title = "413 Request Entity Too Large"
    reply = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return {"status": 413, "reply": reply}


def bad_gateway(status: int = 502) -> Fields:
    page = f"<html><head><title>{status} Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
    return {"status": status, "reply": page}


def not_json() -> Fields:
    return {"status": 200, "reply": "<html>maintenance</html>"}


PRESETS: dict[str, Callable[..., Fields]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        too_many_requests,
        migrated,
        bad_request,
        forbidden,
        not_modified,
        query_too_old,
        method_not_found,
        unauthorized,
        conflict,
        internal_error,
        too_large,
        bad_gateway,
        not_json,
    )
}
