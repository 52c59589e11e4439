"""Decides when each update is handled. What waits for Telegram's limits keeps nobody else waiting.

A handler may take long: Telegram tells a chat to wait, a file is slow, a call hangs. So few updates of one person and
of one chat are handled at a time, and one that takes longer than a moment gives its place to the next. What one person
sends to one chat is begun in order, each when the one before is handled or has had its moment. Whatever comes after
the bot was removed from a chat, or let in, begins only when that has been handled: a removal ends what was asked for
before it, not what is asked for afterwards.

Who types after the bot's name asks anew with each letter. One inline query of a person is answered at a time, and of
those that come meanwhile the newest alone.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import cast

from telegram import Update
from telegram.ext import BaseUpdateProcessor

from services.bot.intake.lines import Lines, Origin
from services.bot.telegram.callback_queries import PressAnswers

PLACES = 8  # updates that are begun at a time: enough to keep a core busy (docs/decisions/0016-a-place-for-a-moment.md)
SHARE = 3  # of one person, and of one chat; words, files and presses of buttons apart
MOMENT_S = 0.25  # after which a handler waits for something, and its place goes to the next; most take 20 to 50 ms


class Dispatcher(BaseUpdateProcessor):
    """Lets updates through to their handlers, in turn."""

    def __init__(self) -> None:
        super().__init__(sys.maxsize)  # The library holds nothing back.
        self._lines: Lines[asyncio.Future[bool]] = Lines(PLACES, SHARE)
        self._answers = PressAnswers()
        self._here: set[int] = set()
        self._changes: dict[int, asyncio.Event] = {}  # by chat: the last change of our membership, until it is handled
        self._queries: dict[int, asyncio.Event] = {}  # by person: the newest inline query, until it is over
        self._closed = False

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Let nothing more through."""
        self.close()

    def has(self, update_id: int) -> bool:
        """Whether an update waits or is being handled."""
        return update_id in self._here

    def close(self) -> None:
        """Begin no more updates; those that wait are dropped, and handled after the next start."""
        self._closed = True
        for turn in self._lines.clear():
            _tell(turn, may_begin=False)

    async def do_process_update(self, update: object, coroutine: Awaitable[object]) -> None:
        """Handle an update when its turn has come; one that is here already, or comes too late, is dropped."""
        handling = cast("Coroutine[object, object, None]", coroutine)
        try:
            if not isinstance(update, Update):
                await handling
            elif not self._closed and update.update_id not in self._here:
                await self._handle(update, handling)
        finally:
            handling.close()  # It may not have been begun.

    async def _handle(self, update: Update, handling: Coroutine[object, object, None]) -> None:
        if update.callback_query is not None:
            self._answers.watch(update.callback_query)
        origin = origin_of(update)
        self._here.add(update.update_id)
        try:
            async with self._after_changes(update), self._newest_query(update) as is_wanted:
                if is_wanted and not self._closed and (self._lines.enter(origin) or await self._turn(origin)):
                    with self._place(origin):
                        await handling
        finally:
            self._here.discard(update.update_id)

    @asynccontextmanager
    async def _after_changes(self, update: Update) -> AsyncIterator[None]:
        """Wait until the changes of our membership that came before in this chat are handled."""
        chat = update.effective_chat
        if chat is None:
            yield
            return
        before, handled = self._changes.get(chat.id), asyncio.Event()
        if update.my_chat_member is not None:
            self._changes[chat.id] = handled
        try:
            if before is not None:
                await before.wait()
            yield
        finally:
            handled.set()
            if self._changes.get(chat.id) is handled:
                del self._changes[chat.id]

    @asynccontextmanager
    async def _newest_query(self, update: Update) -> AsyncIterator[bool]:
        """Wait a moment for the person's inline query before; False when a newer one has come meanwhile."""
        if update.inline_query is None:
            yield True
            return
        person = update.inline_query.from_user.id
        before, over = self._queries.get(person), asyncio.Event()
        self._queries[person] = over
        try:
            if before is not None:
                await _happened(before, MOMENT_S)
            yield self._queries.get(person) is over
        finally:
            over.set()
            if self._queries.get(person) is over:
                del self._queries[person]

    async def _turn(self, origin: Origin) -> bool:
        """Wait in line; whether the update may begin."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._lines.wait(origin, turn)
        return await turn

    @contextmanager
    def _place(self, origin: Origin) -> Iterator[None]:
        """Hold a place for a moment at most, and the share of person and chat to the end."""
        has_left = False

        def leave() -> None:
            nonlocal has_left
            if not has_left:
                has_left = True
                self._lines.leave_place(origin)
            self._begin_all()

        timer = asyncio.get_running_loop().call_later(MOMENT_S, leave)
        try:
            yield
        finally:
            timer.cancel()
            self._lines.end(origin)
            leave()

    def _begin_all(self) -> None:
        while (turn := self._lines.begin_next()) is not None:
            _tell(turn, may_begin=True)


async def _happened(event: asyncio.Event, within_s: float) -> None:
    """Wait for something, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()


def _tell(turn: "asyncio.Future[bool]", *, may_begin: bool) -> None:
    if not turn.done():  # It is where the task that waits was cancelled.
        turn.set_result(may_begin)


def origin_of(update: Update) -> Origin:
    """Whose update it is, and in which chat. Pure.

    Presses of buttons and files have lines of their own: a press is not held up by what waits to be written in a chat,
    and words are not held up by files that are being fetched.
    """
    sender, chat, kind = update.effective_sender, update.effective_chat, _kind_of(update)
    # What comes from nobody shares no limit.
    person = sender.id if sender is not None else f"update {update.update_id}"
    return Origin((kind, person), (kind, chat.id if chat is not None else f"update {update.update_id}"))


def _kind_of(update: Update) -> str:
    if update.callback_query is not None:
        return "press"
    message = update.effective_message
    return "file" if message is not None and message.effective_attachment is not None else "words"
