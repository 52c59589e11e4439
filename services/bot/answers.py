"""errand → answer: brought home exactly once, as far as Telegram lets us know.

An answer that grew in a message ends there, which may happen twice without harm. One that was a draft, and whatever is
longer than a message, is sent anew, and written down message by message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from html import unescape

from telegram import Bot, InlineKeyboardMarkup
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from services.bot import answer_messages, keyboards
from services.bot.answer_messages import messages_of
from services.bot.delivery import MAX_REFUSALS, UNREACHABLE
from services.bot.descriptions import under_description, write_description
from services.bot.formatting import Piece, pieces
from services.bot.growing import Growing
from services.bot.locales import say
from services.bot.news import wait_for_news
from shared.errands import Errand, Kind
from shared.errors import StoreAway
from shared.jobs import State
from shared.store.errands import Errands

log = logging.getLogger(__name__)

AT_ONCE = 20
LOOK_EVERY_S = 2.0  # a wake-up may get lost
FINISH_S = 30.0
MAX_PAUSE_S = 300.0

Deliver = Callable[[Errand], Awaitable[None]]


class Answers:
    """Brings errands home, each kind in its way."""

    def __init__(
        self, bot: Bot, bot_id: int, errands: Errands, growing: Growing, others: Mapping[Kind, Deliver] | None = None
    ) -> None:
        """Deliver for the bot with this id.

        Args:
            others: How errands get home whose answer is no message. Each notes by itself that it was delivered.
        """
        self._bot = bot
        self._bot_id = bot_id
        self._errands = errands
        self._deliver_by: dict[Kind, Deliver] = {
            Kind.CHAT: self._deliver_answer,
            Kind.DESCRIBE: self._deliver_answer,
            **(others or {}),
        }
        self._growing = growing
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def changed(self, errand_id: int) -> None:  # noqa: ARG002 - the news is the same whichever it was
        """Take note that an errand changed."""
        self._growing.changed()
        self._news.set()

    async def empty_outbox(self) -> None:
        """Bring home whatever ends. Runs until cancelled; ``finish`` waits for what it began."""
        while True:
            self._news.clear()
            found = 0
            try:
                found = await self._begin_some()
            except StoreAway:
                log.warning("no answers delivered: the database is away")
            if not found:
                await wait_for_news(self._news, LOOK_EVERY_S)

    async def finish(self) -> None:
        """Let deliveries under way end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FINISH_S)

    def release(self) -> None:
        """Take over what a process that died had claimed. Only one process polls for a bot."""
        self._errands.release_deliveries(self._bot_id)

    async def _begin_some(self) -> int:
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return 1
        errands = await asyncio.to_thread(
            self._errands.claim_delivery, self._bot_id, most=room, kinds=tuple(self._deliver_by)
        )
        for errand in errands:
            task = asyncio.create_task(self._deliver(errand))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(errands)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._news.set()

    async def _deliver(self, errand: Errand) -> None:
        try:
            await self._deliver_by[errand.kind](errand)
        except StoreAway:
            log.warning("answer left for later: the database is away", extra={"errand_id": errand.id})
        except Exception:
            # The delivery's outer door: the lease runs out, and somebody tries again.
            log.exception("answer not delivered", extra={"errand_id": errand.id})

    async def _deliver_answer(self, errand: Errand) -> None:
        await self._growing.let_end(errand.id)
        # Its message may have been written down since it was claimed.
        now = await asyncio.to_thread(self._errands.read, errand.id)
        try:
            await self._say_all(now or errand)
        except RetryAfter as error:
            wait = error.retry_after
            await self._later(errand, float(wait) if isinstance(wait, int) else wait.total_seconds())
        except ChatMigrated:
            # The errand has moved along; the next claim finds it under the new id.
            await self._later(errand, 0)
        except Forbidden:
            await asyncio.to_thread(self._errands.delivered, errand.id)
        except BadRequest as error:
            gone = any(text in error.message.lower() for text in UNREACHABLE)
            log.log(
                logging.INFO if gone else logging.ERROR,
                "Telegram refused an answer",
                extra={"errand_id": errand.id, "error": error.message},
            )
            if gone or errand.delivery_tries >= MAX_REFUSALS:
                await asyncio.to_thread(self._errands.delivered, errand.id)
            else:
                await self._later(errand, _pause(errand))
        except TelegramError as error:
            log.warning("answer uncertain", extra={"errand_id": errand.id, "error": type(error).__name__})
            await self._later(errand, _pause(errand))

    async def _later(self, errand: Errand, seconds: float) -> None:
        await asyncio.to_thread(self._errands.not_sent, errand.id, retry_after_s=seconds)
        asyncio.get_running_loop().call_later(seconds, self._news.set)

    async def _say_all(self, errand: Errand) -> None:
        """Write the answer into its message, and what doesn't fit below it; begins where it was broken off."""
        said = whole_answer(errand)
        messages = messages_of(errand)
        for place, piece in enumerate(said):
            keyboard = self._keyboard(errand) if place == len(said) - 1 else None
            there = place < len(messages)
            if there and await answer_messages.edit(self._bot, errand, messages[place], piece, keyboard):
                continue
            messages[place:] = [
                await answer_messages.post(self._bot, errand, piece, keyboard),
                *messages[place + 1 :],
            ]
            await asyncio.to_thread(self._errands.keep_shown, errand.id, {"messages": messages})
        await asyncio.to_thread(self._errands.delivered, errand.id)
        self._growing.keep_distance(errand)
        log.info("answered", extra={"errand_id": errand.id, "state": str(errand.state), "messages": len(messages)})

    def _keyboard(self, errand: Errand) -> InlineKeyboardMarkup | None:
        """What can be done with an answer, or about its failure."""
        if errand.kind is Kind.DESCRIBE and errand.state is State.FINISHED:
            return under_description(errand)
        if _can_draw(errand):
            return keyboards.under_answer(errand)
        reason = errand.reason if errand.state is State.FAILED else None
        return keyboards.after_failure(reason, errand.sender.language, self._bot.username)


def whole_answer(errand: Errand) -> list[Piece]:
    """All that is to be said about an errand that has ended: the answer as far as it came, and why no further."""
    if errand.kind is Kind.DESCRIBE and errand.state is State.FINISHED:
        return [write_description(errand)]
    said = pieces(errand.answer or "")
    if errand.state is State.FAILED:
        return [*said, _sentence(errand.reason or "unexpected", errand)]
    if said:
        return said
    return [_sentence("chat_stopped" if errand.state is State.CANCELLED else "chat_empty", errand)]


def _sentence(key: str, errand: Errand) -> Piece:
    """A sentence of ours; Markdown is what Gemini writes, so ours goes without looks."""
    return Piece(unescape(say(key, errand.sender.language)))


def _can_draw(errand: Errand) -> bool:
    return bool((errand.answer or "").strip())


def _pause(errand: Errand) -> float:
    return min(2.0 ** min(errand.delivery_tries, 10), MAX_PAUSE_S)
