"""The pace of a burst by the clock and over HTTP: the sandbox counts any second of it, as Telegram does."""

import asyncio
from bisect import bisect_right

from sandbox.client import Json, SandboxClient
from sandbox.telegram.limits import OVERALL
from services.bot.telegram.flood_limit import ONCE, FloodLimit
from tests.bot.delivery_rig import bot_at
from tests.builders import BOT

CHATS = 2 * OVERALL + 15


def test_a_burst_to_many_chats_is_refused_nowhere(sandbox: SandboxClient) -> None:
    sandbox.reset()
    people = asyncio.run(_write_to_all(sandbox))
    sandbox.set_limits(flood="off")

    calls = sandbox.journal("telegram", "/sendMessage$")
    assert [one["status"] for one in calls] == [200] * CHATS
    assert [len(sandbox.from_bot(person)) for person in people] == [1] * CHATS
    at = sorted(one["at"] for one in calls)
    assert max(bisect_right(at, first + 1) - place for place, first in enumerate(at)) <= OVERALL


async def _write_to_all(sandbox: SandboxClient) -> list[Json]:
    async with bot_at(sandbox, FloodLimit()) as bot:
        assert bot.id == BOT
        people = [sandbox.person(f"Person {number}") for number in range(CHATS)]
        for person in people:
            sandbox.say(person, "hello")
        sandbox.set_limits(flood="strict")
        await asyncio.gather(*(bot.send_message(person["id"], "hello", rate_limit_args=ONCE) for person in people))
    return people
