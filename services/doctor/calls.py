"""Calls a service the way the installation does: the same library, and so the same proxies and certificates."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Protocol

import httpx2

from services.worker.gemini.transport import DeadlineTransport, deadline
from services.worker.painters.http import HttpClient, HttpResponse
from shared.errors import ImagineError
from shared.network import Network
from shared.settings import SettingsError

SECONDS = 8.0  # for one call; a check has ten
_NO_HEADERS: Mapping[str, str] = {}
# What the libraries and the operating system say, by whichever library says it.
_REASONS = (
    (re.compile(r"certificate", re.IGNORECASE), "its certificate is not trusted here"),
    (re.compile(r"proxy|tunnel", re.IGNORECASE), "the proxy doesn't let us through"),
    (
        re.compile(r"gaierror|getaddrinfo|name resolution|name or service|NameResolution|DNSError", re.IGNORECASE),
        "its name can't be resolved",
    ),
    (re.compile(r"refused|connect call failed", re.IGNORECASE), "the connection is refused"),
    (re.compile(r"time(d )?out|no whole answer", re.IGNORECASE), "no answer came in time"),
    (re.compile(r"unreachable|no route", re.IGNORECASE), "there is no way to it"),
)


class NotReached(Exception):
    """No answer came; the text says why in a few words."""


class Ask(Protocol):
    """Calls once and does not follow redirects."""

    def __call__(self, url: str, headers: Mapping[str, str] = ..., *, method: str = ...) -> HttpResponse:
        """Return the answer, whatever its status is.

        Raises:
            NotReached: None came.
        """


def as_bot(url: str, headers: Mapping[str, str] = _NO_HEADERS, *, method: str = "GET") -> HttpResponse:
    """Call Telegram."""
    return _answered(lambda: asyncio.run(_over_aiohttp(method, url, headers)))


async def _over_aiohttp(method: str, url: str, headers: Mapping[str, str]) -> HttpResponse:
    import aiohttp  # A worker, which looks at its own keys, does without it.

    from services.bot.telegram.transport import PROXY_ERRORS, open_session

    limit = aiohttp.ClientTimeout(total=SECONDS)
    network = Network.of_environment()
    proxy = network.proxy_for(url)
    through = proxy.url if proxy and not proxy.is_socks else None
    try:
        async with (
            open_session(network, proxy, connections=1) as session,
            session.request(
                method, url, headers=headers, allow_redirects=False, timeout=limit, proxy=through
            ) as answer,
        ):
            return HttpResponse(answer.status, answer.headers, await answer.read())
    except (aiohttp.ClientError, *PROXY_ERRORS) as error:
        raise NotReached(reason(error)) from None


def as_prompt_writer(url: str, headers: Mapping[str, str] = _NO_HEADERS, *, method: str = "GET") -> HttpResponse:
    """Call Gemini."""

    def call() -> HttpResponse:
        transport = DeadlineTransport(url, slots=1, network=Network.of_environment())
        with httpx2.Client(transport=transport, timeout=None) as client, deadline(SECONDS):
            answer = client.request(method, url, headers=dict(headers))
            return HttpResponse(answer.status_code, answer.headers, answer.content)

    return _answered(call)


def as_painter(url: str, headers: Mapping[str, str] = _NO_HEADERS, *, method: str = "GET") -> HttpResponse:
    """Call HuggingFace."""
    return _answered(lambda: HttpClient(connections=1).call(method, url, timeout_s=SECONDS, headers=headers))


def _answered(call: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return call()
    except (httpx2.HTTPError, ImagineError, SettingsError, OSError, ValueError, ImportError) as error:
        # No cause is kept: a URL may hold a token.
        raise NotReached(reason(error)) from None


def reason(error: BaseException) -> str:
    """Say in a few words why no answer came."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 8:
        chain.append(cause)
    said = " ".join(f"{type(one).__name__} {one}" for one in chain)
    return next((words for pattern, words in _REASONS if pattern.search(said)), type(chain[-1]).__name__)
