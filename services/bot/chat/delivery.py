"""errand → answer: brought home exactly once, as far as Telegram lets us know.

An answer that grew in a message ends there, which may happen twice without harm. One that was a draft, and whatever is
longer than a message, is sent anew, and written down message by message.
"""

import asyncio
import logging
from html import unescape

from telegram import Bot, InlineKeyboardMarkup
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from services.bot.chat import answer_messages
from services.bot.chat.answer_messages import messages_of
from services.bot.chat.descriptions import under_description, write_description
from services.bot.chat.stream import Growing
from services.bot.locales import say
from services.bot.pictures import keyboards
from services.bot.pictures.delivery import MAX_REFUSALS, UNREACHABLE
from services.bot.telegram.outbox_relay import Carrier
from services.bot.texts.markdown import Piece, pieces
from shared.errands import Errand, Kind
from shared.jobs import State
from shared.store.errand_outbox import ErrandOutbox
from shared.store.errands import Errands

log = logging.getLogger(__name__)

MAX_PAUSE_S = 300.0


class Answers(Carrier[Errand]):
    """Brings answers home."""

    at_once = 20
    finish_s = 30.0
    what = "errand"

    def __init__(self, bot: Bot, bot_id: int, outbox: ErrandOutbox, errands: Errands, growing: Growing) -> None:
        """Deliver for the bot with this id."""
        super().__init__()
        self._bot = bot
        self._bot_id = bot_id
        self._outbox = outbox
        self._errands = errands
        self._growing = growing

    def _claim(self, most: int) -> list[Errand]:
        return self._outbox.claim(self._bot_id, most=most)

    async def _deliver(self, errand: Errand) -> None:
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
            await asyncio.to_thread(self._outbox.delivered, errand.id)
        except BadRequest as error:
            gone = any(text in error.message.lower() for text in UNREACHABLE)
            log.log(
                logging.INFO if gone else logging.ERROR,
                "Telegram refused an answer",
                extra={"errand_id": errand.id, "error": error.message},
            )
            if gone or errand.delivery_tries >= MAX_REFUSALS:
                await asyncio.to_thread(self._outbox.delivered, errand.id)
            else:
                await self._later(errand, _pause(errand))
        except TelegramError as error:
            log.warning("answer uncertain", extra={"errand_id": errand.id, "error": type(error).__name__})
            await self._later(errand, _pause(errand))

    async def _later(self, errand: Errand, seconds: float) -> None:
        await asyncio.to_thread(self._outbox.not_sent, errand.id, retry_after_s=seconds)
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
        await asyncio.to_thread(self._outbox.delivered, errand.id)
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
