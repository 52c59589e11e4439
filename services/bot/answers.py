"""errand → answer: streamed by editing one message in place, and brought home exactly once.

The message in which an answer grows is sent with the promise and remembered in the record. To end an answer is to
edit that message once more, which may happen twice without harm; only what is longer than a message is sent anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from telegram import Bot, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from services.bot import keyboards
from services.bot.delivery import MAX_REFUSALS, UNREACHABLE
from services.bot.descriptions import under_description, write_description
from services.bot.formatting import Piece, pieces
from services.bot.handlers.addresses import reply_to
from services.bot.locales import say
from services.bot.news import wait_for_news
from services.bot.status import COALESCE_S, GROUP_PAUSE_S, PRIVATE_PAUSE_S
from shared.errands import Errand, Kind
from shared.errors import StoreAway
from shared.jobs import State
from shared.store.errands import Errands

log = logging.getLogger(__name__)

AT_ONCE = 20
LOOK_EVERY_S = 2.0  # a wake-up may get lost
EDITS_A_SECOND = 10.0  # in all chats together; status messages have as many, and Telegram takes about 30 calls
EDITS_AT_ONCE = 5
ACTION_EVERY_S = 4.5  # a chat action lasts five seconds
MOST_ACTIONS = 20
PROMISE_TAKES = timedelta(seconds=5)  # so long an answer waits for the message in which it is to stand
PROMISE_AGAIN_S = 0.3
FINISH_S = 30.0
MAX_PAUSE_S = 300.0
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

Deliver = Callable[[Errand], Awaitable[None]]


@dataclass(slots=True)
class Pace:
    """When a chat may be written to next, and what its answers say."""

    next_edit_at: dict[int, float]
    said: dict[int, int]


class Answers:
    """Shows the answers of this bot's chats as they grow, and brings errands home, each kind in its way."""

    def __init__(self, bot: Bot, bot_id: int, errands: Errands, others: Mapping[Kind, Deliver] | None = None) -> None:
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
        self._news = asyncio.Event()
        self._outbox_news = asyncio.Event()
        self._pace = Pace({}, {})
        self._under_way: set[asyncio.Task[None]] = set()

    def changed(self, errand_id: int) -> None:  # noqa: ARG002 - the news is the same whichever it was
        """Take note that an errand changed."""
        self._news.set()
        self._outbox_news.set()

    async def promise(self, errand: Errand, text: str, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """Send the message in which the answer will stand; its first edit keeps its distance."""
        message_id = await self._post(errand, Piece(unescape(text)), keyboard)
        if await asyncio.to_thread(self._errands.keep_shown, errand.id, {"messages": [message_id]}):
            self._keep_distance(errand)
        else:
            await self._bot.delete_message(errand.address.chat_id, message_id)

    # While it grows

    async def keep_growing(self) -> None:
        """Show what is new of the answers that are being written. Runs until cancelled."""
        while True:
            await wait_for_news(self._news, LOOK_EVERY_S)
            self._news.clear()
            edits = 0
            try:
                edits = await self._grow_some()
            except StoreAway:
                log.warning("answers not shown as they grow: the database is away")
            await asyncio.sleep(max(COALESCE_S, edits / EDITS_A_SECOND))

    async def keep_typing(self) -> None:
        """Show "typing" in the chats that are answered. Runs until cancelled."""
        while True:
            try:
                errands = await asyncio.to_thread(self._errands.streaming, self._bot_id, most=MOST_ACTIONS)
                chats = {(errand.address.chat_id, errand.address.topic_id) for errand in errands}
                await asyncio.gather(*(self._type(chat_id, topic_id) for chat_id, topic_id in chats))
            except StoreAway:
                log.warning("no chat actions: the database is away")
            await asyncio.sleep(ACTION_EVERY_S)

    async def _grow_some(self) -> int:
        errands = await asyncio.to_thread(self._errands.streaming, self._bot_id)
        self._pace.said = {one.id: self._pace.said[one.id] for one in errands if one.id in self._pace.said}
        grown = [one for one in errands if _messages(one) and len(one.answer or "") > self._pace.said.get(one.id, 0)]
        loop = asyncio.get_running_loop()
        due, seen = [], set()
        # Who was shown least recently comes first: no chat waits for ever behind busier ones.
        for one in sorted(grown, key=lambda errand: self._pace.next_edit_at.get(errand.address.chat_id, 0.0)):
            chat_id = one.address.chat_id
            wait = self._pace.next_edit_at.get(chat_id, 0.0) - loop.time()
            if wait > 0:
                loop.call_later(wait + COALESCE_S, self._news.set)
            elif chat_id not in seen:
                due.append(one)
                seen.add(chat_id)
        if len(due) > EDITS_AT_ONCE:
            self._news.set()
        await asyncio.gather(*(self._show(one) for one in due[:EDITS_AT_ONCE]))
        return min(len(due), EDITS_AT_ONCE)

    async def _show(self, errand: Errand) -> None:
        self._keep_distance(errand)
        self._pace.said[errand.id] = len(errand.answer or "")
        shown = pieces(errand.answer or "")
        if not shown:
            return
        try:
            # Of an answer that is longer than a message the end is shown meanwhile: that is where it grows.
            await self._edit(errand, _messages(errand)[0], shown[-1], keyboards.while_answering(errand), tries=1)
        except TelegramError as error:
            log.info("answer not shown", extra={"errand_id": errand.id, "error": type(error).__name__})

    def _keep_distance(self, errand: Errand) -> None:
        pause = PRIVATE_PAUSE_S if errand.address.private else GROUP_PAUSE_S
        self._pace.next_edit_at[errand.address.chat_id] = asyncio.get_running_loop().time() + pause

    async def _type(self, chat_id: int, topic_id: int | None) -> None:
        try:
            await self._bot.send_chat_action(
                chat_id,
                ChatAction.TYPING,
                message_thread_id=topic_id,
                rate_limit_args=1,  # type: ignore[call-arg]
            )
        except TelegramError as error:
            log.debug("no chat action", extra={"chat_id": chat_id, "error": type(error).__name__})

    # When it has ended

    async def empty_outbox(self) -> None:
        """Bring home whatever ends. Runs until cancelled; ``finish`` waits for what it began."""
        while True:
            self._outbox_news.clear()
            found = 0
            try:
                found = await self._begin_some()
            except StoreAway:
                log.warning("no answers delivered: the database is away")
            if not found:
                await wait_for_news(self._outbox_news, LOOK_EVERY_S)

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
        self._outbox_news.set()

    async def _deliver(self, errand: Errand) -> None:
        try:
            await self._deliver_by[errand.kind](errand)
        except StoreAway:
            log.warning("answer left for later: the database is away", extra={"errand_id": errand.id})
        except Exception:
            # The delivery's outer door: the lease runs out, and somebody tries again.
            log.exception("answer not delivered", extra={"errand_id": errand.id})

    async def _deliver_answer(self, errand: Errand) -> None:
        if errand.shown is None and datetime.now(UTC) - errand.created_at < PROMISE_TAKES:
            # The message in which it is to stand is being sent.
            await self._later(errand, PROMISE_AGAIN_S)
            return
        try:
            await self._say_all(errand)
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
        asyncio.get_running_loop().call_later(seconds, self._outbox_news.set)

    async def _say_all(self, errand: Errand) -> None:
        """Write the answer into its message, and what doesn't fit below it; begins where it was broken off."""
        said = whole_answer(errand)
        messages = list(_messages(errand))
        for place, piece in enumerate(said):
            keyboard = self._keyboard(errand) if place == len(said) - 1 else None
            if place < len(messages) and await self._edit(errand, messages[place], piece, keyboard):
                continue
            messages[place:] = [await self._post(errand, piece, keyboard), *messages[place + 1 :]]
            await asyncio.to_thread(self._errands.keep_shown, errand.id, {"messages": messages})
        await asyncio.to_thread(self._errands.delivered, errand.id)
        self._keep_distance(errand)
        log.info("answered", extra={"errand_id": errand.id, "state": str(errand.state), "messages": len(messages)})

    def _keyboard(self, errand: Errand) -> InlineKeyboardMarkup | None:
        """What can be done with an answer, or about its failure."""
        if errand.kind is Kind.DESCRIBE and errand.state is State.FINISHED:
            return under_description(errand)
        if _can_draw(errand):
            return keyboards.under_answer(errand)
        reason = errand.reason if errand.state is State.FAILED else None
        return keyboards.after_failure(reason, errand.sender.language, self._bot.username)

    async def _edit(
        self,
        errand: Errand,
        message_id: int,
        piece: Piece,
        keyboard: InlineKeyboardMarkup | None,
        *,
        tries: int | None = None,
    ) -> bool:
        """Put words into a message; False where it is gone."""
        try:
            await self._bot.edit_message_text(
                piece.text,
                chat_id=errand.address.chat_id,
                message_id=message_id,
                entities=piece.entities,
                link_preview_options=NO_PREVIEW,
                reply_markup=keyboard,
                rate_limit_args=tries,  # type: ignore[call-arg]
            )
        except BadRequest as error:
            text = error.message.lower()
            if "not modified" in text:
                return True
            if "message to edit not found" in text or "can't be edited" in text:
                return False
            raise
        return True

    async def _post(self, errand: Errand, piece: Piece, keyboard: InlineKeyboardMarkup | None) -> int:
        address = errand.address
        content: dict[str, Any] = {
            "chat_id": address.chat_id,
            "text": piece.text,
            "entities": piece.entities,
            "reply_parameters": reply_to(address),
            "link_preview_options": NO_PREVIEW,
            "reply_markup": keyboard,
        }
        try:
            message = await self._bot.send_message(**content, message_thread_id=address.topic_id)
        except BadRequest as error:
            if address.topic_id is None or "thread not found" not in error.message.lower():
                raise
            message = await self._bot.send_message(**content)
        return message.message_id


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


def _messages(errand: Errand) -> list[int]:
    return list((errand.shown or {}).get("messages", ()))


def _pause(errand: Errand) -> float:
    return min(2.0 ** min(errand.delivery_tries, 10), MAX_PAUSE_S)
