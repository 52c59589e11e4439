"""HTTP client over ``requests``: every call ends within its deadline, with a response or one of our errors.

``requests`` bounds each read of the socket, so a body that drips never times out. Here a timekeeper shuts the socket
down when the call's seconds are over; the reader then sees the end and raises.
"""

import contextlib
import heapq
import ipaddress
import itertools
import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.contrib.socks import (
    SOCKSConnection,
    SOCKSHTTPConnectionPool,
    SOCKSHTTPSConnection,
    SOCKSHTTPSConnectionPool,
)

from shared.errors import BadPicture, ServiceUnreachable, UnexpectedAnswer
from shared.network import Network

CONNECT_S = 8.0
MAX_BODY_BYTES = 48 * 1024 * 1024  # a 40-megapixel PNG, or a smaller one in base64
PIECE_BYTES = 64 * 1024
REQUEST_ID_HEADERS = ("x-request-id", "x-fal-request-id", "request-id", "x-amz-cf-id")


class NotPublic(UnexpectedAnswer):
    """A host has an address that is not on the public internet, and nothing was sent there."""

    def __init__(self, address: str) -> None:
        super().__init__(f"a host's address is not public: {address}")
        self.address = address


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a service answered.

    Attributes:
        headers: Found whatever the case of their names.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    duration_ms: int = 0

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        """The service's own id for the call, for the record."""
        found = (self.headers.get(name) for name in REQUEST_ID_HEADERS)
        return next((value[:128] for value in found if value), None)

    @property
    def json(self) -> Any:
        """The body's JSON; None where it isn't any."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Countdown:
    """The seconds that several calls share."""

    def __init__(self, timeout_s: float) -> None:
        self._end = time.monotonic() + timeout_s

    @property
    def left(self) -> float:
        """Seconds left; never below 0."""
        return max(self._end - time.monotonic(), 0.0)


class HttpClient:
    """Calls services over a pool of connections that all threads share."""

    def __init__(
        self, *, connections: int = 128, max_body_bytes: int = MAX_BODY_BYTES, network: Network | None = None
    ) -> None:
        """Reach the internet as ``network`` says, or the environment."""
        self._max_body_bytes = max_body_bytes
        self._network = network or Network.of_environment()
        self._timekeeper = _Timekeeper()
        self._session = requests.Session()
        # Otherwise an entry in the owner's ~/.netrc silently replaces our Authorization header. The environment's
        # proxies and certificates come from ``Network``.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(self._network, connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    @property
    def network(self) -> Network:
        """How it reaches the internet."""
        return self._network

    def call(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        public_only: bool = False,
    ) -> HttpResponse:
        """Call once; redirects are answers like any other, not followed.

        Args:
            timeout_s: For everything together, from the connection to the body's last byte.
            public_only: Refuse an address that isn't on the public internet; through a proxy only the proxy knows it.

        Raises:
            ServiceUnreachable: No whole answer came in time.
            BadPicture: The body is larger than any picture we would take.
            NotPublic: ``public_only``, and the host's address is not.
            UnexpectedAnswer: The URL can't be called at all.
        """
        if timeout_s <= 0:
            raise ServiceUnreachable("there was no time left to call")
        try:
            started, proxy = time.monotonic(), self._network.proxy_for(url)
            with (
                _Call(timeout_s, self._timekeeper, public_only=public_only and proxy is None),
                self._session.request(
                    method,
                    url,
                    headers=dict(headers or {}),
                    json=json,
                    stream=True,
                    allow_redirects=False,
                    proxies={"http": proxy.url, "https": proxy.url} if proxy else {},
                    timeout=(min(CONNECT_S, timeout_s), timeout_s),
                ) as response,
            ):
                body = self._read(response)
        except ValueError as error:  # What is wrong about a URL or a header is one in each of the libraries.
            raise UnexpectedAnswer(f"a request cannot be made: {type(error).__name__}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ServiceUnreachable(f"the connection failed: {type(error).__name__}") from error
        return HttpResponse(response.status_code, response.headers, body, round((time.monotonic() - started) * 1000))

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for piece in response.iter_content(PIECE_BYTES):
            body += piece
            if len(body) > self._max_body_bytes:
                raise BadPicture("too_large", f"a body is over {self._max_body_bytes} bytes")
        return bytes(body)


class _Call:
    """A call under way in this thread, as the connection that serves it sees it."""

    _here = threading.local()

    def __init__(self, timeout_s: float, timekeeper: "_Timekeeper", *, public_only: bool) -> None:
        self._timeout_s = timeout_s
        self._timekeeper = timekeeper
        self._public_only = public_only
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = self._expired = False

    @classmethod
    def current(cls) -> "_Call":
        """The call that this thread is making."""
        call: _Call = cls._here.call
        return call

    def __enter__(self) -> None:
        self._here.call = self
        self._timekeeper.watch(self, self._timeout_s)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._lock:
            # From here on the connection may serve another call: the timekeeper must not touch it any more.
            self._over, self._socket = True, None
        if self._expired:
            raise ServiceUnreachable(f"no whole answer came within {self._timeout_s:.1f} s") from error

    def watch(self, connection: socket.socket) -> None:
        """Take the socket that will carry this call, before anything is sent over it."""
        # The address that was really reached is judged: a name may resolve differently each time it is asked.
        if self._public_only and not is_public(address := connection.getpeername()[0]):
            raise NotPublic(address)
        with self._lock:
            self._socket = connection
            if self._expired:
                self._shut()

    def expire(self) -> None:
        """End the call, if it is still under way."""
        with self._lock:
            if not self._over:
                self._expired = True
                self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Timekeeper:
    """Ends calls whose seconds are over: one thread for all of them, begun anew if it has ended."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Call]] = []
        self._numbers = itertools.count()
        self._earlier = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, call: _Call, timeout_s: float) -> None:
        """End the call in so many seconds."""
        due = (time.monotonic() + timeout_s, next(self._numbers), call)
        with self._earlier:
            heapq.heappush(self._due, due)
            if self._due[0] is due:
                self._earlier.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="timekeeper", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._next().expire()

    def _next(self) -> _Call:
        with self._earlier:
            while not self._due or self._due[0][0] > time.monotonic():
                self._earlier.wait(self._due[0][0] - time.monotonic() if self._due else None)
            return heapq.heappop(self._due)[2]


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(plain, "ipv4_mapped", None)
    return bool((mapped or plain).is_global)


class _Watched(HTTPConnection):
    """A connection that the timekeeper may shut, from before the first byte of a call on."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        _Call.current().watch(self.sock)
        super().request(*args, **kwargs)


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _WatchedSocks(_Watched, SOCKSConnection):
    pass


class _WatchedSocksTLS(_Watched, SOCKSHTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _SocksPool(SOCKSHTTPConnectionPool):
    ConnectionCls = _WatchedSocks


class _SocksTLSPool(SOCKSHTTPSConnectionPool):
    ConnectionCls = _WatchedSocksTLS


class _Adapter(HTTPAdapter):
    def __init__(self, network: Network, connections: int) -> None:
        self._tls = network.tls
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.PoolManager:
        if proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._tls
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)
        socks = proxy.startswith("socks")
        manager.pool_classes_by_scheme = {
            "http": _SocksPool if socks else _Pool,
            "https": _SocksTLSPool if socks else _TLSPool,
        }
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the context of the connections has what to trust, and the library would add its own authorities."""
