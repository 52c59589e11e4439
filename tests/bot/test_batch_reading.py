"""Batches that handlers have read: nothing else waits for them, and they wait for one another only so long."""

import asyncio
import threading

import pytest

from services.bot.batches.reading import FILES_AT_A_TIME, Readings
from services.bot.telegram.files import Sent
from shared.batches import MAX_FILE_BYTES, BatchReading
from shared.errors import BadBatch, FileGone
from shared.jobs import Request


class SlowReader:
    """Reads when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.reading = 0

    def read(self, content: str | bytes, name: str | None, *, shared: str = "", limit: int) -> BatchReading:
        self.reading += 1
        self.go_on.wait(10)
        return BatchReading((Request(f"{content!r} {name} {shared} {limit}"),))


class TheFiles:
    """What Telegram has."""

    async def read(self, file_id: str) -> bytes:
        if file_id == "gone":
            raise FileGone("gone")
        return b"fox"


def file(file_id: str = "f", size: int = 3) -> Sent:
    return Sent(file_id, "text/plain", "a.txt", size)


def readings(reader: SlowReader, wait_s: float = 10.0) -> Readings:
    return Readings(reader, TheFiles(), limit=50, wait_s=wait_s)


async def refused(act: object) -> str:
    with pytest.raises(BadBatch) as caught:
        await act
    return caught.value.reason


class TestReadings:
    def test_words_and_files_reach_the_reader(self):
        reader = SlowReader()
        reader.go_on.set()

        async def both() -> list[BatchReading]:
            one = readings(reader)
            return [await one.read("fox", None), await one.read("--n 2", file())]

        typed, sent = asyncio.run(both())

        assert typed.requests[0].idea == "'fox' None  50"
        assert sent.requests[0].idea == "b'fox' a.txt --n 2 50"

    def test_nothing_at_all_and_what_is_too_large_are_refused_before_anything_is_fetched(self):
        async def both() -> list[str]:
            one = readings(SlowReader())
            return [
                await refused(one.read("", None)),
                await refused(one.read("", file("gone", size=MAX_FILE_BYTES + 1))),
            ]

        assert asyncio.run(both()) == ["batch_how", "batch_file_too_large"]

    def test_while_files_are_read_threads_and_loop_are_free(self):
        reader = SlowReader()

        async def scene() -> tuple[int, list[BatchReading]]:
            one = readings(reader)
            waiting = [asyncio.create_task(one.read("", file())) for _ in range(40)]
            while reader.reading < FILES_AT_A_TIME:
                await asyncio.sleep(0)
            # The default threads, which serve the database, answer meanwhile.
            async with asyncio.timeout(5):
                await asyncio.gather(*(asyncio.to_thread(int) for _ in range(20)))
            at_a_time = reader.reading
            reader.go_on.set()
            return at_a_time, await asyncio.gather(*waiting)

        at_a_time, read = asyncio.run(scene())

        assert at_a_time == FILES_AT_A_TIME
        assert len(read) == 40

    def test_who_waits_too_long_is_told_and_a_file_that_is_gone_holds_nothing(self):
        reader = SlowReader()

        async def scene() -> str:
            one = readings(reader, wait_s=0.05)
            for _ in range(2 * FILES_AT_A_TIME):
                with pytest.raises(FileGone):
                    await one.read("", file("gone"))
            under_way = [asyncio.create_task(one.read("", file())) for _ in range(FILES_AT_A_TIME)]
            while reader.reading < FILES_AT_A_TIME:
                await asyncio.sleep(0)
            reason = await refused(one.read("", file()))
            reader.go_on.set()
            await asyncio.gather(*under_way)
            return reason

        assert asyncio.run(scene()) == "batch_readers_busy"
