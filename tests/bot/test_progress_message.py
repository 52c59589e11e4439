"""A batch's progress message beside whatever else is sent in its chat."""

import asyncio
from collections.abc import Iterator

import pytest
from telegram.ext import ExtBot

from sandbox.client import SandboxClient
from services.bot.batches.progress_message import ProgressMessage
from services.bot.telegram.flood_limit import FloodLimit, Kind
from services.bot.telegram.transport import Transport
from shared.batches import Batch
from shared.jobs import Address, Request, Sender
from shared.store.batches import Batches
from shared.store.database import Database
from tests.builders import BOT
from tests.sqlite_tables import create_tables

TOKEN = f"{BOT}:" + "a" * 35
MANY = 12  # messages after which a private chat has no room for what can be left out, for some seconds


@pytest.fixture
def batches(sqlite_url: str) -> Iterator[Batches]:
    database = Database(sqlite_url)
    create_tables(database)
    yield Batches(database)
    database.close()


class TestInAChatWithoutRoom:
    def test_an_edit_is_left_out_but_not_those_that_witness_an_album(
        self, sandbox: SandboxClient, batches: Batches
    ) -> None:
        sandbox.reset()

        async def talk() -> list[int]:
            limit = FloodLimit()
            async with ExtBot(
                TOKEN,
                base_url=f"{sandbox.url}/telegram/bot",
                request=Transport(8),
                get_updates_request=Transport(1),
                rate_limiter=limit,
            ) as bot:
                person = sandbox.person("Ada")["id"]
                sandbox.say(person, "/batch")
                sent = [await bot.send_message(person, "busy") for _ in range(MANY)]
                batch = started(batches, person, sent[0].message_id)
                progress, edits = ProgressMessage(bot, batches, limit), []
                assert limit.room_in_s(person, Kind.EDIT) > 0
                await progress.show(batch)
                edits.append(len(sandbox.journal("telegram", "editMessageText")))
                async with progress.witnessing(batch, batches.jobs(batch.id)):
                    edits.append(len(sandbox.journal("telegram", "editMessageText")))
                edits.append(len(sandbox.journal("telegram", "editMessageText")))
                assert limit.room_in_s(person, Kind.EDIT) > 0
                return edits

        assert asyncio.run(talk()) == [0, 1, 2]


def started(batches: Batches, person: int, status: int) -> Batch:
    """A batch that has been started, with a progress message."""
    batch, _ = batches.ask(
        [Request("a fox", count=2)], address=Address(BOT, person, 1), sender=Sender(person), source="telegram"
    )
    batches.show_status(batch.id, status, "asked")
    batches.start(batch.id)
    batches.fill(batch.id)
    read = batches.read(batch.id)
    assert read is not None
    return read
