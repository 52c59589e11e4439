"""Stands at each service's door: journals what comes in and carries out the faults."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.bodies import Body, UnreadableBody, read_body
from sandbox.faults import Fault, Gate, Switchboard
from sandbox.journal import Journal

TRANSPORT = "sandbox.transport"
BODY = "sandbox.body"

_url_of_this_request: ContextVar[str | None] = ContextVar("url_of_this_request", default=None)


def url_of_this_request() -> str | None:
    """The sandbox's own root as the caller wrote it (``http://host:port``), or ``None`` outside of a request."""
    return _url_of_this_request.get()


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which also hands the connection itself to the app, so that it can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class Traffic:
    """The middleware around one service; it reads the body once for the journal, the faults and the service."""

    def __init__(self, app: ASGIApp, service: str, *, switchboard: Switchboard, journal: Journal) -> None:
        self._app = app
        self._service = service
        self._switchboard = switchboard
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # What turns the stand-in's own knobs is no traffic of the service.
        if scope["type"] != "http" or scope["path"].endswith("/_sandbox"):
            await self._app(scope, receive, send)
            return

        content = await _read(receive)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        try:
            body: Body | UnreadableBody = read_body(dict(headers).get("content-type", ""), content)
        except UnreadableBody as error:
            body = error
        scope[BODY] = body
        _url_of_this_request.set(f"{scope['scheme']}://{dict(headers).get('host', 'localhost')}")

        entry = self._journal.open(
            self._service,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )
        answered: list[int] = []

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
            await send(message)

        try:
            fault = self._switchboard.hit(self._service, entry.path, body, len(content))
            service = _Service(self._app, scope, content, receive)
            if fault is None:
                await service.answer(watched_send)
            else:
                entry.fault = fault.id
                status = await _Accident(fault, self._switchboard, service).happen(watched_send)
                answered[:] = [status] if status is not None else []
        finally:
            self._journal.close(entry, answered[0] if answered else None)


async def _read(receive: Receive) -> bytes:
    """Read a whole request body; a caller that hangs up early leaves what came so far."""
    pieces = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


class _Service:
    """One request to the real stand-in, its body already read."""

    def __init__(self, app: ASGIApp, scope: Scope, content: bytes, receive: Receive) -> None:
        self._app = app
        self.scope = scope
        self._content: bytes | None = content
        self.receive = receive

    async def _receive_again(self) -> Message:
        if self._content is None:
            return await self.receive()
        content, self._content = self._content, None
        return {"type": "http.request", "body": content, "more_body": False}

    async def answer(self, send: Send) -> None:
        await self._app(self.scope, self._receive_again, send)

    async def whole_answer(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Let the service work, and keep its answer: status, headers and body."""
        start: Message = {}
        pieces: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))

        await self.answer(keep)
        return start["status"], list(start.get("headers", [])), b"".join(pieces)


class _Accident:
    """A fault that meets a request."""

    def __init__(self, fault: Fault, switchboard: Switchboard, service: _Service) -> None:
        self._fault = fault
        self._switchboard = switchboard
        self._service = service

    async def happen(self, send: Send) -> int | None:
        """Carry the fault out; returns the status that was sent, or ``None`` if nothing was."""
        fault = self._fault
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.gate and not fault.gate_at:
            await self._switchboard.gate(fault.gate).pass_through()
        if fault.drop == "before":
            await self._cut()
            return None
        if fault.replaces_the_answer:
            status, named_headers, content = fault.answer()
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named_headers.items()]
        else:
            status, headers, content = await self._service.whole_answer()
        if fault.drop == "after":
            await self._cut()
            return None
        if fault.truncate is not None:
            await self._truncate(status, headers, content)
        elif fault.drip_s is not None:
            await self._drip(status, headers, content, send)
        elif fault.gate and fault.gate_at:
            await self._hold_the_rest(self._switchboard.gate(fault.gate), status, headers, content, send)
        else:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
        return status

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._service.scope[TRANSPORT]
        return transport

    async def _cut(self) -> None:
        self._transport.abort()
        await self._gone()

    async def _gone(self) -> None:
        """Wait until the server has noticed that the connection is closed."""
        while (await self._service.receive())["type"] != "http.disconnect":
            pass

    async def _truncate(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
        """Write by hand what no server would: it insists on sending as much as it has promised."""
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in (b"connection", b"content-length", b"transfer-encoding")
        ]
        body = content[: self._fault.truncate]
        if self._fault.chunked:
            # The chunk of no length that would be the end never comes.
            kept.append((b"transfer-encoding", b"chunked"))
            body = b"%x\r\n%b\r\n" % (len(body), body)
        elif not self._fault.no_length:
            kept.append((b"content-length", str(len(content)).encode()))
        kept.append((b"connection", b"close"))
        head = f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode()
        head += b"".join(name + b": " + value + b"\r\n" for name, value in kept)
        self._transport.write(head + b"\r\n" + body)
        self._transport.close()
        await self._gone()

    async def _hold_the_rest(
        self, gate: Gate, status: int, headers: list[tuple[bytes, bytes]], content: bytes, send: Send
    ) -> None:
        begun = self._fault.gate_at
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content[:begun], "more_body": True})
        await gate.pass_through()
        await send({"type": "http.response.body", "body": content[begun:]})

    async def _drip(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes, send: Send) -> None:
        size, pause_s = self._fault.drip_bytes, self._fault.drip_s or 0
        await send({"type": "http.response.start", "status": status, "headers": headers})
        gone = asyncio.ensure_future(self._gone())
        try:
            for start in range(0, len(content), size):
                piece = content[start : start + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # Nobody drips on when the caller has hung up.
                await asyncio.wait([gone], timeout=pause_s)
                if gone.done():
                    return
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
