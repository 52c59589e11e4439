"""HTTP that keeps a deadline: a whole call, from connecting to the last byte, ends in time.

The timeouts of HTTP libraries count from one piece of the body to the next, so an answer that drips never times
out. Here every touch of the network asks how much time the whole call has left.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypedDict

import httpcore2
import httpx2

from shared.network import Network, Proxy

CONNECT_S = 10.0  # for each address; who does not pick up by then won't
READ_BYTES = 16 * 1024  # at once, as much as TLS gives: memory for all of it is taken before the wait, by each call

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)  # on time.monotonic()'s clock


@contextmanager
def deadline(timeout_s: float) -> Iterator[None]:
    """Let what this thread does on the network end within so many seconds."""
    token = _ends_at.set(time.monotonic() + timeout_s)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(timeout: float | None, error: type[httpcore2.TimeoutException]) -> float | None:
    """Return the shorter of ``timeout`` and the time that is left, both in seconds."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        raise error("the deadline of the call has passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore2.NetworkStream):
    """A connection whose every read and write ends with the call."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(min(max_bytes, READ_BYTES), _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        timeout = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _Network(httpcore2.SyncBackend):
    """Opens connections that keep the deadline of the call that uses them."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        timeout = min(_left(timeout, httpcore2.ConnectTimeout) or CONNECT_S, CONNECT_S)
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Body(httpx2.SyncByteStream):
    """A body on its plan, with the HTTP library's own errors."""

    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        with _translated():
            yield from self._pieces

    def close(self) -> None:
        self._pieces.close()


class _Room(TypedDict):
    """How a pool opens and keeps connections."""

    ssl_context: ssl.SSLContext
    max_connections: int
    max_keepalive_connections: int
    keepalive_expiry: float
    network_backend: httpcore2.NetworkBackend


class DeadlineTransport(httpx2.BaseTransport):
    """Speaks to one host over as many connections as there are slots, through the machine's proxy if it has one.

    Args:
        url: Where the calls go; decides whether a proxy is used.
        slots: Calls at a time.
    """

    def __init__(self, url: str, *, slots: int, network: Network) -> None:
        room: _Room = {
            "ssl_context": network.tls,
            "max_connections": slots,
            "max_keepalive_connections": slots,
            "keepalive_expiry": 30.0,
            "network_backend": _Network(),
        }
        proxy = network.proxy_for(url)
        self._pool = httpcore2.ConnectionPool(**room) if proxy is None else _proxy_pool(proxy, room)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with _translated():
            answer = self._pool.handle_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class Rehearsal(httpx2.BaseTransport):
    """Answers a question itself, with nothing."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        parts = [{"text": "{}"}]
        candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 0, "totalTokenCount": 0}
        return httpx2.Response(
            200, json={"candidates": [candidate], "usageMetadata": usage, "responseId": "-"}, request=request
        )


def _proxy_pool(proxy: Proxy, room: _Room) -> httpcore2.ConnectionPool:
    if proxy.is_socks:
        return httpcore2.SOCKSProxy(proxy.address, proxy.login, **room)
    tls = room["ssl_context"] if proxy.scheme == "https" else None
    return httpcore2.HTTPProxy(proxy.address, proxy.login, proxy_ssl_context=tls, **room)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.TimeoutException(str(error)) from error
    except httpcore2.UnsupportedProtocol as error:
        raise httpx2.UnsupportedProtocol(str(error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError) as error:
        raise httpx2.TransportError(str(error)) from error
