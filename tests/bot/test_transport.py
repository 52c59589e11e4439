"""Answers that the library would misread, and what it is told of them instead."""

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from telegram.error import BadRequest, InvalidToken, NetworkError, TelegramError
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.telegram.errors import EntityTooLarge, NotConnected, NotTelegram
from services.bot.telegram.transport import Transport, open_session
from shared.network import PROBES, Network

PAGE = "<html><head><title>413 Request Entity Too Large</title></head></html>"
JSON = {"ok": False, "error_code": 413, "description": "Request Entity Too Large"}
NOBODY_LISTENS = "http://127.0.0.1:1"


async def _call(url: str) -> None:
    transport = Transport(1)
    bot: ExtBot[None] = ExtBot(f"42:{'a' * 35}", base_url=f"{url}/telegram/bot", request=transport)
    await transport.initialize()
    try:
        await bot.send_message(1, "hello")
    finally:
        await transport.shutdown()


def error_at(url: str) -> TelegramError:
    with pytest.raises(TelegramError) as caught:
        asyncio.run(_call(url))
    return caught.value


def _begin_to_answer(server: socket.socket) -> None:
    """Answer without an end: a connection whose answer is whole is taken away from it."""
    line, _ = server.accept()
    with line:
        line.recv(65_536)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        line.recv(1)  # until the other end closes it


class TestAConnection:
    def test_without_another_end_is_given_up_in_seconds(self) -> None:
        """Where packets vanish, a long poll would hang until its time is up, and nobody would be heard meanwhile."""

        async def options(port: int) -> list[int]:
            address = f"http://127.0.0.1:{port}/"
            async with open_session(Network(), None, connections=1) as session, session.get(address) as answer:
                line = answer.connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
                return [line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in PROBES] + [
                    line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                ]

        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
            answering = pool.submit(_begin_to_answer, server)
            found = asyncio.run(options(server.getsockname()[1]))
            answering.result()

        assert found == [*PROBES.values(), 1]


class TestAnError:
    @pytest.mark.parametrize("reply", [PAGE, JSON], ids=["html", "json"])
    def test_413_is_a_refusal(self, sandbox: SandboxClient, reply: Any) -> None:
        sandbox.arm("telegram", path="sendMessage", status=413, reply=reply)

        assert type(error_at(sandbox.url)) is EntityTooLarge

    @pytest.mark.parametrize("status", [400, 403, 404, 502])
    def test_that_a_proxy_wrote_is_not_taken_for_telegrams(
        self, sandbox: SandboxClient, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        sandbox.arm("telegram", path="sendMessage", status=status, reply="<html>nginx</html>")

        with caplog.at_level(logging.ERROR):
            error = error_at(sandbox.url)

        assert isinstance(error, NotTelegram)
        assert error.status == status
        assert not caplog.records  # The library would log the whole page, and a traceback.

    @pytest.mark.parametrize("reply", ["<html>maintenance</html>", ["ok"], '{"ok":true,"result":{'], ids=str)
    def test_is_an_answer_that_is_none_of_the_bot_apis(
        self, sandbox: SandboxClient, caplog: pytest.LogCaptureFixture, reply: Any
    ) -> None:
        sandbox.arm("telegram", path="sendMessage", reply=reply)

        with caplog.at_level(logging.ERROR):
            assert type(error_at(sandbox.url)) is NetworkError
        assert not caplog.records

    def test_of_telegrams_own_reaches_the_library_as_it_is(self, sandbox: SandboxClient) -> None:
        sandbox.arm("telegram", path="sendMessage", preset="bad-request", arguments={"text": "TOPIC_CLOSED"})
        sandbox.arm("telegram", path="sendMessage", preset="method-not-found")

        assert type(error_at(sandbox.url)) is BadRequest
        assert type(error_at(sandbox.url)) is InvalidToken

    def test_of_connecting_tells_that_nothing_was_sent(self) -> None:
        assert type(error_at(NOBODY_LISTENS)) is NotConnected

    def test_after_connecting_leaves_open_what_was_taken(self, sandbox: SandboxClient) -> None:
        sandbox.arm("telegram", path="sendMessage", drop="before")

        assert type(error_at(sandbox.url)) is NetworkError
