"""Delivers answers of chats and descriptions of pictures.

An answer that was streamed into a message ends there, which may happen twice without harm. One that was a draft, and
whatever is longer than a message, is sent anew, and written down message by message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from html import unescape

from telegram import InlineKeyboardMarkup
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.budgets.refusals import after_failure
from services.bot.chat import answer_messages
from services.bot.chat.answer_messages import messages_of, said_of
from services.bot.chat.descriptions import write_description
from services.bot.chat.keyboards import under_answer, under_description
from services.bot.chat.stream import AnswerStreams
from services.bot.telegram.errors import Again, Refusal, Unsure, after, words_of
from services.bot.telegram.outbox_relay import OutboxRelay, record
from services.bot.telegram.refusals import MAX_TRIES_TO_SAY, write_refusal
from services.bot.telegram.sending import Sending
from services.bot.texts.locales import say
from services.bot.texts.markdown import MAX_UNITS, Piece, pieces
from services.bot.texts.utf16 import units
from shared.errands import Errand, ErrandKind, drawing_of
from shared.jobs import State
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands

log = logging.getLogger(__name__)

Draw = Callable[[Errand], Awaitable[None]]
Export = Callable[[Errand], Awaitable[Errand]]

DELETED = ("pictures", "questions", "batches", "files", "keys")


class Answers(OutboxRelay[Errand]):
    """Delivers answers."""

    at_once = 20
    finish_s = 30.0
    what = "errand"

    def __init__(
        self,
        bot: ExtBot[int],
        bot_id: int,
        outbox: ErrandOutbox,
        errands: Errands,
        streams: AnswerStreams,
        *,
        draw: Draw,
        export: Export | None = None,
    ) -> None:
        """Deliver for the bot with this id.

        Args:
            draw: Orders the picture that an answer asks for; done twice it is one order.
            export: Sends what an export has packed.
        """
        super().__init__()
        self._bot = bot
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._outbox = outbox
        self._errands = errands
        self._streams = streams
        self._draw = draw
        self._export = export

    def _claim(self, limit: int) -> list[Errand]:
        return self._outbox.claim(self._bot_id, limit=limit)

    def _renew(self, ids: Collection[int]) -> None:
        self._outbox.renew(ids)

    def _not_sent(self, errand: Errand, seconds: float) -> None:
        self._outbox.not_sent(errand.id, retry_after_s=seconds, tries=errand.delivery_tries)

    def _may_be_sent(self, errand: Errand, seconds: float) -> None:
        self._outbox.not_sent(errand.id, retry_after_s=seconds, tries=errand.delivery_tries)

    def _record_refusal(self, errand: Errand, reason: Refusal) -> Errand:
        self._outbox.give_up(errand.id, reason)
        return self._errands.read(errand.id) or errand

    async def _send_or_end(self, errand: Errand) -> None:
        await self._streams.let_end(errand.id)
        # Its message may have been written down since it was claimed.
        now = await asyncio.to_thread(self._errands.read, errand.id) or errand
        if self._export is not None and _is_packed(now):
            now = await self._export(now)
        await (self._say_all(now) if now.undelivered_reason is None else self._end(now))

    async def _say_all(self, errand: Errand) -> None:
        """Write the answer into its message, and what doesn't fit below it; begins where it was broken off."""
        whole = whole_answer(errand)
        messages = messages_of(errand)
        for place, piece in enumerate(whole[said_of(errand) :], said_of(errand)):
            is_last = place == len(whole) - 1
            keyboard = self._keyboard(errand) if is_last else None
            there = place < len(messages)
            if there and await answer_messages.edit(self._sending, errand, messages[place], piece, keyboard):
                if is_last:
                    continue
            else:
                sent = await self._sending.text(errand.address, answer_messages.words_of(piece), keyboard)
                messages[place : place + 1] = [sent.message_id]
            await record(self._errands.keep_shown, errand.id, {"messages": messages, "said": place + 1})
        if drawing_of(errand, wished=True) is not None:
            if not whole:
                await self._remove_announcement(errand)
            await self._draw(errand)
        self._streams.keep_distance(errand)
        if again_in_s := self._streams.may_change_s(errand, messages):
            # All is said once more then; what is there as it should be stays as it is.
            await record(self._errands.keep_shown, errand.id, {"messages": messages, "said": 0})
            await self._again(errand, again_in_s)
            return
        await record(self._outbox.delivered, errand.id)
        log.info("answered", extra={"errand_id": errand.id, "state": str(errand.state), "messages": len(messages)})

    async def _end(self, errand: Errand) -> None:
        left: list[int] = []
        try:
            await self._say_refusal(errand)
        except TelegramError as error:
            match after(error, tries=errand.delivery_tries):
                case Again(seconds) | Unsure(seconds) if errand.delivery_tries < MAX_TRIES_TO_SAY:
                    await self._again(errand, seconds)
                    return
            log.info("refusal not said", extra=self._fields(errand) | {"error": words_of(error)})
            left = _announcement_of(errand)
        await record(self._outbox.delivered, errand.id, remove=left)

    async def _say_refusal(self, errand: Errand) -> None:
        """Say that no answer comes: in the message that announced it, or else below what came of it.

        Raises:
            TelegramError: It was not said; a message that announced the answer still stands.
        """
        is_kept = errand.answer is not None or errand.result is not None
        text = write_refusal(errand.undelivered_reason, errand.sender.language, kept="answer" if is_kept else None)
        if text is None:
            await self._remove_announcement(errand)
            return
        piece = Piece(unescape(text))
        for message_id in _announcement_of(errand):
            if await answer_messages.edit(self._sending, errand, message_id, piece, None):
                return
        await self._sending.text(errand.address, answer_messages.words_of(piece))

    async def _remove_announcement(self, errand: Errand) -> None:
        for message_id in _announcement_of(errand):
            await self._sending.delete(errand.address.chat_id, message_id)

    def _keyboard(self, errand: Errand) -> InlineKeyboardMarkup | None:
        """What can be done with an answer, or about its failure."""
        if errand.kind is ErrandKind.DESCRIBE and errand.state is State.FINISHED:
            return under_description(errand)
        if drawing_of(errand, wished=False) is not None:
            return under_answer(errand)
        reason = errand.reason if errand.state is State.FAILED else None
        return after_failure(reason, errand.sender.language, self._bot.username)


def whole_answer(errand: Errand) -> list[Piece]:
    """All that is to be said about an errand that has ended: the answer as far as it came, and why no further."""
    if errand.kind is ErrandKind.DESCRIBE and errand.state is State.FINISHED:
        return [write_description(errand)]
    if errand.kind is ErrandKind.FORGET and errand.state is State.FINISHED:
        counts = errand.result["deleted"] if errand.result else {}
        return [_sentence("forget_done", errand, **{name: counts.get(name, 0) for name in DELETED})]
    if errand.kind is ErrandKind.EXPORT and errand.state is State.FINISHED:
        return [_sentence(_of_export(errand), errand)]
    said = pieces(errand.answer or "")
    if errand.state is State.FAILED:
        return [*said, _sentence(errand.reason or "unexpected", errand)]
    if said:
        return _stopped(said, errand) if (errand.result or {}).get("end") == "stopped" else said
    if drawing_of(errand, wished=True) is not None:
        return []
    return [_sentence("chat_stopped" if errand.state is State.CANCELLED else "chat_empty", errand)]


def _is_packed(errand: Errand) -> bool:
    return errand.kind is ErrandKind.EXPORT and errand.state is State.FINISHED and errand.undelivered_reason is None


def _of_export(errand: Errand) -> str:
    return "export_done" if (errand.result or {}).get("is_all") else "export_goes_on"


def _sentence(key: str, errand: Errand, **values: int) -> Piece:
    """A sentence of ours; Markdown is what Gemini writes, so ours goes without looks."""
    return Piece(unescape(say(key, errand.sender.language, **values)))


def _stopped(said: list[Piece], errand: Errand) -> list[Piece]:
    """An answer that ends where its person stopped it, and says so."""
    *before, last = said
    mark = _sentence("chat_stopped_here", errand)
    text = f"{last.text}\n\n{mark.text}"
    return [*before, replace(last, text=text)] if units(text) <= MAX_UNITS else [*said, mark]


def _announcement_of(errand: Errand) -> list[int]:
    """The message that announced the answer, or holds the beginning of it; none where it holds all that it shall."""
    return messages_of(errand)[said_of(errand) :]
