"""Which messages of ours quote the one that they answer."""

import asyncio
from typing import Any

import pytest
from telegram import ForceReply, ReplyParameters

from services.bot.telegram.flood_limit import FloodLimit
from services.bot.telegram.quoting import IsClear, Quoting
from shared.errors import StoreAway

ADA, GROUP = 101, -1_001_000_000_001


def quoted(is_clear: IsClear, chat_id: int, **values: Any) -> bool:
    """Whether a message to a chat that would quote another one does so when it is sent."""
    data = {"chat_id": chat_id, "text": "Hi", "reply_parameters": ReplyParameters(5)} | values
    sent: list[dict[str, Any]] = []

    async def call(_: str, data: dict[str, Any]) -> bool:
        sent.append(dict(data))
        return True

    limit = Quoting(FloodLimit(), is_clear)
    asyncio.run(limit.process_request(call, ("sendMessage", data), {}, "sendMessage", data, None))
    return "reply_parameters" in sent[0]


def away(*_: int) -> bool:
    raise StoreAway("away")


@pytest.mark.parametrize("is_clear", [True, False])
def test_in_private_where_it_is_not_clear(is_clear: bool) -> None:
    assert quoted(lambda *_: is_clear, ADA) is not is_clear


def test_in_groups_always() -> None:
    assert quoted(lambda *_: True, GROUP)


def test_what_opens_a_reply_field_for_whom_it_quotes() -> None:
    assert quoted(lambda *_: True, ADA, reply_markup=ForceReply(selective=True))


def test_where_nobody_can_tell() -> None:
    assert quoted(away, ADA)
