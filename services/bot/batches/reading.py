"""Reads batch files for the handlers: in a child process, two at a time, in threads apart from the database's."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from services.bot.telegram.files import Files, Sent
from shared.batches import MAX_FILE_BYTES, BatchReading
from shared.errors import BadBatch
from shared.media_types import require_batch

FILES_AT_A_TIME = 2  # in memory: one is read while the next is fetched
WAIT_S = 45.0  # for files before this one; longer than one may take


class Reader(Protocol):
    """What reads a text or file."""

    def read(self, content: str | bytes, name: str | None, *, shared: str = "", limit: int) -> BatchReading:
        """As ``BatchReader`` does."""


class Readings:
    """Reads what was typed, or a file."""

    def __init__(self, reader: Reader, files: Files, *, limit: int, wait_s: float = WAIT_S) -> None:
        """Read batches of at most so many pictures."""
        self._reader = reader
        self._files = files
        self._most = limit
        self._wait_s = wait_s
        self._free = asyncio.Semaphore(FILES_AT_A_TIME)
        self._threads = ThreadPoolExecutor(FILES_AT_A_TIME, thread_name_prefix="batches")

    async def read(self, words: str, file: Sent | None) -> BatchReading:
        """Read what was typed, or the file with what was typed as its shared parameters.

        Raises:
            UserError, FileOutOfReach: It can't be read.
        """
        if file is None and not words:
            raise BadBatch("batch_how")
        if file is not None:
            require_batch(file.media_type, file.name)
        if file is not None and file.size > MAX_FILE_BYTES:
            raise BadBatch("batch_file_too_large", most=MAX_FILE_BYTES // 1024 // 1024)
        async with self._turn():
            if file is None:
                return await self._read(words, None)
            return await self._read(await self._files.read(file.file_id), file.name, shared=words)

    async def _read(self, content: str | bytes, name: str | None, shared: str = "") -> BatchReading:
        act = partial(self._reader.read, content, name, shared=shared, limit=self._most)
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise BadBatch("batch_readers_busy") from None
        try:
            yield
        finally:
            self._free.release()
