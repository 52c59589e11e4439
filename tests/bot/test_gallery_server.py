"""The gallery's server ends with the bot, whoever asks something at that moment."""

import asyncio
import gc
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.gallery.server import keep_serving

QUESTION = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


def played(caplog: pytest.LogCaptureFixture, scene: Callable[[socket.socket, asyncio.Event], Awaitable[None]]) -> None:
    """Serve while a scene is played, and end; nothing of the server must be left."""
    caplog.set_level(logging.INFO, keep_serving.__module__)

    async def play() -> None:
        begun = asyncio.Event()

        async def endless(_: Request) -> Response:
            begun.set()
            await asyncio.Event().wait()
            return PlainTextResponse("never")

        serving = asyncio.create_task(keep_serving(Starlette(routes=[Route("/", endless)]), "127.0.0.1", 0, grace_s=0))
        while not caplog.records:
            await asyncio.sleep(0)
        host, _, port = caplog.records[0].__dict__["address"].partition(":")
        with socket.create_connection((host, int(port))) as visitor:
            await scene(visitor, begun)
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
            assert asyncio.all_tasks() == {asyncio.current_task()}
            visitor.settimeout(5)
            with suppress(ConnectionResetError):
                assert b"never" not in await asyncio.to_thread(visitor.recv, 100)

    asyncio.run(play())
    gc.collect()  # What was not closed would be complained of here.


def test_ends_while_a_question_is_being_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(visitor: socket.socket, begun: asyncio.Event) -> None:
        visitor.sendall(QUESTION)
        await begun.wait()

    played(caplog, scene)


@pytest.mark.parametrize("turns", range(5))
def test_ends_while_somebody_comes(caplog: pytest.LogCaptureFixture, turns: int) -> None:
    """The server is told to end so many turns of the loop after somebody has connected."""

    async def scene(_: socket.socket, __: asyncio.Event) -> None:
        for _turn in range(turns):
            await asyncio.sleep(0)

    played(caplog, scene)
