"""Refuses requests that a web page of somebody else makes a browser send.

The sandbox has no passwords, and a browser on this machine reaches it. So a request must name the sandbox by an address
(DNS rebinding needs a name) and must not come from a page of another origin.
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Names that the public DNS does not serve (RFC 6761, RFC 6762, ICANN's .internal).
PRIVATE_SUFFIXES = (".localhost", ".local", ".internal")
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}


class SameSite:
    """The middleware around the whole sandbox."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = refuse(Headers(scope=scope), scope["path"])
        if refusal is not None:
            await JSONResponse({"error": refusal}, status_code=403)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [(name, value) for name, value in HEADERS.items() if name not in given]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_guarded)


def refuse(headers: Headers, path: str) -> str | None:
    """Why a request is refused; None where it may pass."""
    host = headers.get("host", "")
    if not is_private_name(host):
        return "this sandbox answers to an IP address or a local name alone"
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return "pages of other origins may not call this sandbox"
    # Browsers send no Origin with a GET of an image or a script, but say where it comes from.
    if headers.get("sec-fetch-site") == "cross-site" and path != "/":
        return "pages of other sites may not call this sandbox"
    return None


def is_private_name(host: str) -> bool:
    """Whether a Host header names an IP address, or a name that the public DNS can't serve."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    try:
        ip_address(name)
    except ValueError:
        lower = name.lower()
        return bool(lower) and ("." not in lower or lower.endswith(PRIVATE_SUFFIXES))
    return True
