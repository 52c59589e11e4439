"""Serves the gallery in the bot's own event loop, as long as the bot runs."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15
GRACE_S = 2
AT_ONCE = 64  # questions; the others read 503
AGAIN_S = 60.0


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the bot."""
        yield


async def keep_serving(app: ASGIApp, host: str, port: int) -> None:
    """Serve until cancelled; a port that is taken is a line in the log, and tried again."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
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
        if server.started:
            await server.shutdown(sockets=[listener])
        raise
