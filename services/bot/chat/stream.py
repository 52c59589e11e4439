"""Streams answers while Gemini writes them: as a draft in private chats, elsewhere by editing a message.

A draft is a preview that Telegram forgets after half a minute, and has a stop button of its own; nothing of it is
written down. Where Telegram takes no drafts, and in groups, a message is sent with the promise and remembered in the
record, so that the next process goes on in it. All of this is better left out than late: the answer comes anyway.
"""

import asyncio
import logging
import math
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from html import unescape

from telegram.constants import ChatAction
from telegram.error import BadRequest, InvalidToken, TelegramError
from telegram.ext import ExtBot

from services.bot.chat import answer_messages, keyboards
from services.bot.chat.answer_messages import messages_of
from services.bot.pictures.status import COALESCE_S, GROUP_PAUSE_S, PRIVATE_PAUSE_S
from services.bot.telegram import flood_limit
from services.bot.telegram.errors import ChatGone, Refused, after, words_of
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.sending import Sending
from services.bot.telegram.status_messages import StatusMessage, StatusMessages
from services.bot.texts.locales import say
from services.bot.texts.markdown import Piece, pieces
from shared.errands import Errand, ErrandKind
from shared.errors import StoreAway
from shared.status_messages import Work
from shared.store.errands import Errands

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0  # a wake-up may get lost
AT_ONCE = 10
ACTION_EVERY_S = 4.5  # a chat action lasts five seconds
MAX_ACTIONS = 20
DRAFT_AGAIN_S = 20.0  # a draft in which nothing happens goes after thirty
NO_MORE = (sys.maxsize, math.inf)  # a deleted message is not to grow
SHOWN = ""  # what a message says in which an answer grows is not written down
# Of Bot API 10.3; servers that are older leave these fields alone.
STOPPABLE = {"can_stop": True, "keep_on_stop": True}


class AnswerStreams:
    """Shows how far the answers in this bot's chats have come."""

    def __init__(
        self,
        bot: ExtBot[int],
        bot_id: int,
        errands: Errands,
        messages: StatusMessages,
        limit: flood_limit.FloodLimit,
    ) -> None:
        self._bot = bot
        self._sending = Sending(bot)
        self._bot_id = bot_id
        self._errands = errands
        self._messages = messages
        self._limit = limit
        self._news = asyncio.Event()
        self._drafts_work = True
        self._next_at: dict[int, float] = {}  # by chat
        self._shown: dict[int, tuple[int, float]] = {}  # by errand: how many characters, and when
        self._being_sent: dict[int, asyncio.Event] = {}  # by errand, set when it is there
        self._ending: set[int] = set()

    def changed(self) -> None:
        """Take note that something was asked, or that an answer grew."""
        self._news.set()

    async def let_end(self, errand_id: int) -> None:
        """Show no more of an answer that has ended; returns when nothing of it is being sent any more."""
        self._ending.add(errand_id)
        if (sent := self._being_sent.get(errand_id)) is not None:
            await sent.wait()

    def may_change_s(self, errand: Errand, message_ids: Iterable[int]) -> float:
        """Seconds for which one of an answer's messages may still be made to say something older; 0: none may."""
        chat_id = errand.address.chat_id
        return max((self._limit.edit_may_come_s(chat_id, message_id) for message_id in message_ids), default=0.0)

    def keep_distance(self, errand: Errand) -> None:
        """Take note that a chat was written to just now."""
        pause = PRIVATE_PAUSE_S if errand.address.private else GROUP_PAUSE_S
        self._next_at[errand.address.chat_id] = _now() + pause

    async def keep_growing(self) -> None:
        """Show what is new of the answers that are being written. Runs until cancelled."""
        while True:
            await wait_for_news(self._news, LOOK_EVERY_S)
            self._news.clear()
            # What is read from here on doesn't hold them any more.
            ended = self._ending.copy()
            try:
                await self._show_some()
            except StoreAway as error:
                log.warning("answers not shown as they grow", extra={"error": str(error)})
            self._ending -= ended
            await asyncio.sleep(COALESCE_S)

    async def keep_typing(self) -> None:
        """Show "typing" where an answer's message holds no word of it yet. Runs until cancelled."""
        while True:
            try:
                errands = await asyncio.to_thread(self._errands.streaming, self._bot_id)
                silent = [one for one in errands if messages_of(one) and not one.answer][:MAX_ACTIONS]
                chats = {(errand.address.chat_id, errand.address.topic_id) for errand in silent}
                await asyncio.gather(*(self._type(chat_id, topic_id) for chat_id, topic_id in chats))
            except StoreAway as error:
                log.warning("no chat actions", extra={"error": str(error)})
            await asyncio.sleep(ACTION_EVERY_S)

    async def _type(self, chat_id: int, topic_id: int | None) -> None:
        if self._limit.room_in_s(chat_id, flood_limit.Kind.ACTION):
            return
        try:
            await self._bot.send_chat_action(
                chat_id,
                ChatAction.TYPING,
                message_thread_id=topic_id,
                rate_limit_args=flood_limit.ONCE,
            )
        except TelegramError as error:
            log.debug("no chat action", extra={"chat_id": chat_id, "error": type(error).__name__})

    # A round

    async def _show_some(self) -> None:
        errands = await asyncio.to_thread(self._errands.streaming, self._bot_id)
        self._shown = {one.id: self._shown[one.id] for one in errands if one.id in self._shown}
        self._next_at = {chat_id: at for chat_id, at in self._next_at.items() if at > _now()}
        grown = [one for one in self._one_draft_a_topic(errands) if self._has_news(one)]
        due, seen, wait = list[Errand](), set[int](), LOOK_EVERY_S
        # Who was shown least recently comes first: no chat waits for ever behind busier ones.
        for one in sorted(grown, key=self._shown_at):
            chat_id = one.address.chat_id
            room_in_s = max(self._next_at.get(chat_id, 0.0) - _now(), self._room_in_s(one))
            if room_in_s > 0:
                wait = min(wait, room_in_s)
            elif chat_id not in seen:
                due.append(one)
                seen.add(chat_id)
        await asyncio.gather(*(self._show(one) for one in due[:AT_ONCE]))
        if len(due) > AT_ONCE:
            self._news.set()
        elif wait < LOOK_EVERY_S:
            asyncio.get_running_loop().call_later(wait, self._news.set)

    def _is_drafted(self, errand: Errand) -> bool:
        talks = errand.kind is ErrandKind.CHAT and errand.address.private
        return self._drafts_work and talks and not messages_of(errand)

    def _one_draft_a_topic(self, errands: list[Errand]) -> list[Errand]:
        """Leave out drafts behind an earlier question in the same place: there is room for one."""
        drafts: dict[tuple[int, int | None], int] = {}
        for one in errands:
            if self._is_drafted(one):
                drafts.setdefault((one.address.chat_id, one.address.topic_id), one.id)
        return [one for one in errands if not self._is_drafted(one) or one.id in drafts.values()]

    def _has_news(self, errand: Errand) -> bool:
        known = self._shown.get(errand.id)
        if known is None:
            return bool(errand.answer) or not messages_of(errand)
        length, at = known
        return len(errand.answer or "") > length or (self._is_drafted(errand) and _now() - at > DRAFT_AGAIN_S)

    def _shown_at(self, errand: Errand) -> float:
        return self._shown.get(errand.id, (0, 0.0))[1]

    def _room_in_s(self, errand: Errand) -> float:
        kind = flood_limit.Kind.DRAFT if self._is_drafted(errand) else flood_limit.Kind.EDIT
        return self._limit.room_in_s(errand.address.chat_id, kind)

    async def _show(self, errand: Errand) -> None:
        # Of an answer that is longer than a message the end is shown meanwhile: that is where it grows.
        *_, piece = [Piece(""), *pieces(errand.answer or "")]
        if errand.id in self._ending or errand.id in self._being_sent or self._room_in_s(errand):
            return
        self.keep_distance(errand)
        self._shown[errand.id] = len(errand.answer or ""), _now()
        try:
            async with self._while_sending(errand):
                if self._is_drafted(errand):
                    await self._draft(errand, piece)
                elif not messages_of(errand):
                    await self._promise_by_message(errand, piece)
                elif piece.text:
                    keyboard = keyboards.while_answering(errand)
                    there = messages_of(errand)[0]
                    if not await answer_messages.edit(self._sending, errand, there, piece, keyboard):
                        self._shown[errand.id] = NO_MORE
        except TelegramError as error:
            log.info("answer not shown", extra={"errand_id": errand.id, "error": words_of(error)})
            if isinstance(after(error, tries=1), Refused | ChatGone):
                # The end of the answer is tried all the same.
                self._shown[errand.id] = NO_MORE

    async def _draft(self, errand: Errand, piece: Piece) -> None:
        try:
            await self._bot.send_message_draft(
                errand.address.chat_id,
                errand.id,
                piece.text,
                message_thread_id=errand.address.topic_id,
                entities=piece.entities,
                api_kwargs=STOPPABLE,
                rate_limit_args=flood_limit.ONCE,
            )
        except InvalidToken:
            # So the library calls every 404. Other calls go through, so it is the method that is not known.
            log.warning("this Bot API server knows no drafts: answers grow by edits")
            self._drafts_work = False
            await self._promise_by_message(errand, piece)
        except BadRequest as error:
            log.info("draft refused", extra={"errand_id": errand.id, "error": error.message})
            await self._promise_by_message(errand, piece)

    async def _promise_by_message(self, errand: Errand, piece: Piece) -> None:
        """Send the message in which an answer will grow, and write it down.

        Raises:
            TelegramError: Telegram will not take it.
        """
        key = "chat_thinking" if errand.kind is ErrandKind.CHAT else "describing"
        said = piece if piece.text else Piece(unescape(say(key, errand.sender.language)))
        keyboard = keyboards.while_answering(errand)

        async def send() -> int:
            sent = await self._sending.text(errand.address, answer_messages.words_of(said), keyboard)
            return sent.message_id

        chat_id, known = errand.address.chat_id, errand.status_after
        comes_after = known if known is not None else self._messages.after(chat_id, errand.address.message_id)
        message = StatusMessage(Work.ERRAND, errand.id, chat_id, SHOWN, comes_after, send)
        if errand.status_sending_since is None:
            await self._messages.begin(message)
        else:
            # Somebody sent it, and nobody knows whether it is there.
            self._messages.look(message)
        self.keep_distance(errand)

    @asynccontextmanager
    async def _while_sending(self, errand: Errand) -> AsyncIterator[None]:
        """Let the end of an answer wait until what is being sent of it is there."""
        self._being_sent[errand.id] = asyncio.Event()
        try:
            yield
        finally:
            self._being_sent.pop(errand.id).set()


def _now() -> float:
    return asyncio.get_running_loop().time()
