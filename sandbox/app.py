"""Puts the stand-ins behind one door and serves them."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import faults, gemini, huggingface, journal, telegram
from sandbox.faults import Switchboard
from sandbox.journal import Changes, Journal
from sandbox.same_site import SameSite
from sandbox.traffic import Protocol, Traffic, url_of_this_request

CHAT_PAGE = Path(__file__).parent / "chat_page"
START_TIMEOUT_S = 30
GRACE_S = 2  # for requests that are still being answered when the sandbox ends


def create_app(public_url: str = "http://127.0.0.1") -> Starlette:
    """Create the whole sandbox, new and empty.

    ``public_url`` is only a fallback: the addresses in answers begin as the caller's own request did.
    """
    changes = Changes()
    world = telegram.World(changes)
    switchboard = Switchboard(changes)
    written = Journal(changes)

    def url() -> str:
        return url_of_this_request() or public_url

    services: dict[str, ASGIApp] = {
        "telegram": telegram.create_service(world),
        "gemini": gemini.create_service(url),
        **huggingface.create_services(url),
    }

    def close() -> None:
        switchboard.clear()
        world.close()
        changes.close()

    routes: list[BaseRoute] = [
        Mount(f"/{name}", app=Traffic(service, name, switchboard=switchboard, journal=written))
        for name, service in services.items()
    ]
    routes += telegram.people_routes(world)
    routes += faults.routes(switchboard)
    routes += journal.routes(written, changes)
    routes += [
        Route("/page/telegram-web-app.js", _mini_app_script, methods=["GET"]),
        Mount("/page", app=StaticFiles(directory=CHAT_PAGE)),
        Route("/", _chat_page, methods=["GET"]),
    ]
    app = Starlette(routes=routes)
    app.state.close = close
    return app


async def _chat_page(_: Request) -> Response:
    return FileResponse(CHAT_PAGE / "index.html")


async def _mini_app_script(_: Request) -> Response:
    """What Mini Apps load from telegram.org: pages of other origins may have it."""
    headers = {"cross-origin-resource-policy": "cross-origin"}
    return FileResponse(CHAT_PAGE / "telegram-web-app.js", media_type="text/javascript", headers=headers)


class _Stage:
    """Holds the sandbox that plays now; ``POST /reset`` puts a new and empty one in its place."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._app = create_app(public_url)

    def close(self) -> None:
        self._app.state.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/reset"):
            self.close()
            self._app = create_app(self._public_url)
            await JSONResponse({})(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn's server, which lets long polls and event streams go before it waits for the rest."""

    def __init__(self, config: uvicorn.Config, stage: _Stage) -> None:
        super().__init__(config)
        self._stage = stage
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stage.close()
        await super().shutdown(sockets)
        # What was accepted just before the port was closed is in nobody's hands yet.
        await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def _create_server(host: str, port: int, log_level: str) -> _Server:
    stage = _Stage(f"http://{host}:{port}")
    config = uvicorn.Config(
        SameSite(stage),
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level=log_level,
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config, stage)


def serve(port: int, host: str = "127.0.0.1") -> None:
    """Serve the sandbox until interrupted."""
    # uvicorn raises the signal again once it has ended in order; here that is the wished end.
    with suppress(KeyboardInterrupt):
        _create_server(host, port, "warning").run()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is written out; with it, every answer that
    # leaves in two pieces is 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # There it would let two programs listen at one port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Sandbox:
    """A sandbox in a thread of this process: ``with Sandbox() as sandbox: sandbox.url``.

    Port 0 takes a free one. Each start is a new and empty sandbox.
    """

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._wanted_port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self.port = port

    @property
    def url(self) -> str:
        """The sandbox's root, without a slash at the end."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> None:
        """Start serving; returns when requests are answered.

        Raises:
            OSError: The port is taken.
        """
        self._socket = _listen(self._host, self._wanted_port)
        self.port = self._socket.getsockname()[1]
        self._server = _create_server(self._host, self.port, "critical")
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)
        self._thread.start()
        if not self._server.is_up.wait(START_TIMEOUT_S):
            raise RuntimeError("the sandbox did not start")

    def stop(self) -> None:
        """Stop serving; requests that are held are let go."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
