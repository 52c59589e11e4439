"""Serves the gallery in the bot's own event loop, as long as the bot runs."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15
GRACE_S = 2
AT_ONCE = 64  # questions; the others read 503
AGAIN_S = 60.0
TURNS_TO_CONNECT = 2  # of the event loop, from a connection's acceptance to its being known to the server


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the bot."""
        yield


async def keep_serving(app: ASGIApp, host: str, port: int, *, grace_s: int = GRACE_S) -> None:
    """Serve until cancelled; a port that is taken is a line in the log, and tried again."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=grace_s,
        limit_concurrency=AT_ONCE,
    )
    while True:
        try:
            listener = socket.create_server((host, port))
        except OSError as error:
            fields = {"address": f"{host}:{port}", "error": str(error)}
            log.error("gallery is not served", extra=fields)  # noqa: TRY400
        else:
            log.info("gallery is served", extra={"address": "{}:{}".format(*listener.getsockname()[:2])})
            with listener:
                await _serve(_Server(config), listener)
        await asyncio.sleep(AGAIN_S)


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        await _stop_accepting(listener)
        if server.started:
            await server.shutdown(sockets=[listener])
        raise


async def _stop_accepting(listener: socket.socket) -> None:
    """Let connections be made that were just taken: asyncio loses them, unclosed, where their server closes first."""
    with suppress(NotImplementedError):  # on Windows
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(TURNS_TO_CONNECT):
        await asyncio.sleep(0)
