"""Carries the library's calls to Telegram over aiohttp.

The library's own transport spends most of a busy bot's time in its connection pool (docs/decisions).
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import aiohttp
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from services.bot.telegram.errors import EntityTooLarge, NotConnected, NotTelegram
from shared.json_types import JsonObject
from shared.network import Network, Proxy, probed_socket

CONNECT_S = 10.0
READ_S = 20.0
WRITE_S = 20.0
MEDIA_WRITE_S = 60.0
STALLED_S = 4.0  # without a byte of a file, another connection is tried
KEEP_ALIVE_S = 60.0
PROXY_ERRORS = (ProxyError, ProxyConnectionError, ProxyTimeoutError)  # of SOCKS proxies
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Transport(BaseRequest):
    """One pool of connections. Every call ends within the sum of its time-outs, however slowly bytes drip."""

    def __init__(self, connections: int, network: Network | None = None) -> None:
        """Open so many connections at most; 0: as many as there are calls at a time, which is others' to limit."""
        self._connections = connections
        self._network = network or Network.of_environment()
        self._session: aiohttp.ClientSession | None = None
        self._socks: dict[Proxy, aiohttp.ClientSession] = {}

    @property
    def read_timeout(self) -> float:
        """Seconds that an answer may take unless a call says otherwise."""
        return READ_S

    async def initialize(self) -> None:
        """Open the pool, on the loop that will use it."""
        if self._session is None:
            self._session = self._open(None)

    def _open(self, proxy: Proxy | None) -> aiohttp.ClientSession:
        session = open_session(self._network, proxy, connections=self._connections)
        session.headers["User-Agent"] = self.USER_AGENT
        return session

    async def shutdown(self) -> None:
        """Close the pool."""
        for session in (self._session, *self._socks.values()):
            if session is not None:
                await session.close()
        self._session = None
        self._socks.clear()

    async def do_request(  # noqa: PLR0917 - the library's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - the pool is as large as it has to be
    ) -> tuple[int, bytes]:
        """Call once.

        Raises:
            TimedOut: No whole answer came in time; Telegram may have acted all the same.
            NotConnected: Telegram was not reached.
            NotTelegram: The answer is a failure, but not one that Telegram wrote.
            EntityTooLarge: The server takes no request of this size.
            NetworkError: The connection failed.
        """
        uploads = request_data is not None and request_data.contains_files
        body: aiohttp.FormData | bytes | None
        body, headers = _form(request_data) if request_data and uploads else _fields(request_data)
        connect = _seconds(connect_timeout, CONNECT_S)
        write = _seconds(write_timeout, MEDIA_WRITE_S if uploads else WRITE_S)
        total = connect + write + _seconds(read_timeout, READ_S)
        # Only files are got, and their bytes follow one another.
        stalled = STALLED_S if method == "GET" else None
        limits = aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=stalled)
        status, answer = await self._exchange(method, url, body, headers, limits)
        return status, _checked(status, answer)

    @staticmethod
    def parse_json_payload(payload: bytes) -> JsonObject:
        """Read an answer; the library would log one that it can't read as an error, with a traceback.

        Raises:
            NetworkError: It is none of the Bot API's, or not all of it came; Telegram may have acted all the same.
        """
        try:
            answer = json.loads(payload)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NetworkError("no answer of the Bot API")
        return answer

    async def ask(self, url: str, fields: Mapping[str, str], *, within_s: float) -> tuple[int, bytes]:
        """Post a form and return status and body as they came, whatever they are.

        Raises:
            TimedOut: There was no whole answer within so many seconds, name lookup and connecting included.
            NotConnected: Telegram was not reached.
            NetworkError: The connection failed.
        """
        limits = aiohttp.ClientTimeout(total=within_s, sock_connect=min(CONNECT_S, within_s))
        return await self._exchange("POST", url, urlencode(fields).encode(), FORM, limits)

    async def _exchange(
        self,
        method: str,
        url: str,
        body: "aiohttp.FormData | bytes | None",
        headers: dict[str, str],
        limits: aiohttp.ClientTimeout,
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise RuntimeError("this transport is not initialized")
        session, proxy = self._session, self._network.proxy_for(url)
        if proxy is not None and proxy.is_socks:
            session, proxy = self._socks.get(proxy) or self._socks.setdefault(proxy, self._open(proxy)), None
        through = proxy.url if proxy else None
        try:
            async with session.request(
                method, url, data=body, headers=headers, timeout=limits, proxy=through
            ) as answer:
                return answer.status, await answer.read()
        # No cause is kept: these errors' texts may hold the URL, and it holds the token.
        except PROXY_ERRORS as error:
            raise NotConnected(f"no connection through the proxy: {type(error).__name__}") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(f"no connection: {_cause(error)}") from None
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(f"the connection failed: {_cause(error)}") from None


def open_session(network: Network, proxy: Proxy | None, *, connections: int) -> aiohttp.ClientSession:
    """Open a pool of so many connections; with a SOCKS proxy all go through it, an HTTP proxy is named by each call."""
    connector: aiohttp.TCPConnector
    if proxy is None or not proxy.is_socks:
        # For half a minute nothing comes of a long poll: whether the line still stands is for the system to find out.
        connector = aiohttp.TCPConnector(
            limit=connections,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=network.tls,
            socket_factory=lambda address: probed_socket(*address[:3]),
        )
    else:
        name, password = proxy.login or (None, None)
        connector = ProxyConnector(
            proxy.host,
            proxy.port,
            username=name,
            password=password,
            rdns=True,
            limit=connections,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=network.tls,
        )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _cause(error: Exception) -> str:
    """What went wrong, without the URL: errors of connecting name host and port alone."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{type(error).__name__} {error.status}"
    return type(error).__name__


def _checked(status: int, body: bytes) -> bytes:
    """The body of an answer that the library reads: it would take a 413 for a failed connection, and log a page."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise EntityTooLarge("Request Entity Too Large")
    if status >= HTTPStatus.BAD_REQUEST and not _is_telegrams(body):
        raise NotTelegram(status)
    return body


def _is_telegrams(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and "description" in said


def _fields(data: RequestData | None) -> tuple[bytes | None, dict[str, str]]:
    # aiohttp would make a multipart writer with a random boundary first, even where none is needed.
    if data is None:
        return None, {}
    return urlencode(data.json_parameters).encode(), FORM


def _form(data: RequestData) -> tuple[aiohttp.FormData, dict[str, str]]:
    form = aiohttp.FormData(quote_fields=False)
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, media_type) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=media_type)
    return form, {}


def _seconds(timeout: object, usual: float) -> float:
    return float(timeout) if isinstance(timeout, int | float) else usual
