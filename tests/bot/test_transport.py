"""Answers that the library would misread, and what it is told of them instead."""

import asyncio
import logging
from typing import Any

import pytest
from telegram.error import BadRequest, InvalidToken, NetworkError, TelegramError
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.telegram.errors import EntityTooLarge, NotConnected, NotTelegram
from services.bot.telegram.transport import Transport

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
