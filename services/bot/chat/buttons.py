"""Buttons of answers: stop, draw this, and how many pictures."""

import asyncio
import re
from dataclasses import replace

from telegram import CallbackQuery, MaybeInaccessibleMessage, Update
from telegram.ext import ContextTypes

from services.bot.chat.drawings import Drawings
from services.bot.telegram.addresses import address_of_press, visible
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import DRAW, DRAW_MANY, STOP, OfRecord, read_record
from services.bot.telegram.callback_queries import acknowledge, put_away
from services.bot.telegram.draft_stops import stopped_draft
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action
from services.bot.telegram.status_messages import StatusMessages
from services.bot.texts.locales import is_said, say
from services.bot.texts.markdown import pieces
from shared.errands import Errand, ErrandKind, StoredDrawing, drawing_of
from shared.ideas import MAX_IDEA_LENGTH, shorten
from shared.jobs import ENDED, Sender
from shared.status_messages import Work
from shared.store.errands import Errands

# Which errands have such a button, and what it does.
OF = {STOP: {ErrandKind.CHAT, ErrandKind.DESCRIBE}, DRAW: {ErrandKind.CHAT}, DRAW_MANY: {ErrandKind.CHAT}}
DOES = {STOP: Action.STOP_ANSWER, DRAW: Action.DRAW_ANSWER, DRAW_MANY: Action.DRAW_MANY}


class AnswerButtons:
    """Does what they say."""

    def __init__(
        self,
        errands: Errands,
        drawings: Drawings,
        messages: StatusMessages,
        authorization: Authorization,
    ) -> None:
        self._errands = errands
        self._drawings = drawings
        self._messages = messages
        self._authorization = authorization

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        if query is None:
            return
        wanted, message = read_record(query.data), query.message
        sender = Sender(query.from_user.id, query.from_user.language_code or "en")
        errand = await asyncio.to_thread(self._errands.read, wanted[1]) if wanted else None
        if wanted is None or errand is None or errand.kind not in OF[wanted[0]] or message is None:
            await acknowledge(query, say("pressed_unknown", sender.language))
            await put_away(context.bot, query, keep_words=not _is_announcement(message))
            return
        if wanted[0] == STOP:
            await self._messages.pressed(query, Work.ERRAND, errand.id, errand.address.chat_id)
        action = DOES[wanted.action]
        if not await self._authorization.allows(action, sender.id, message.chat.id, errand):
            key = "pressed_not_yours" if action is Action.DRAW_MANY else "chat_pressed_not_yours"
            await acknowledge(query, say(key, sender.language), alert=True)
        elif action is Action.DRAW_ANSWER:
            await self._draw(errand, message, sender, query)
        elif action is Action.DRAW_MANY:
            await self._draw_many(errand, wanted, query, context)
        elif errand.state in ENDED:
            await acknowledge(query, say("chat_pressed_over", sender.language))
            if errand.delivered_at is not None:
                await put_away(context.bot, query, keep_words=True)
        else:
            await acknowledge(query, say("chat_pressed_stop", sender.language))
            await asyncio.to_thread(self._errands.ask_to_stop, errand.id)

    @for_message
    async def stop(self, asked: Incoming) -> None:
        """Answer ``/stop``: end what is being written here for the sender."""
        errands = await asyncio.to_thread(self._errands.asked_by, asked.address, asked.sender.id)
        for errand in errands:
            await asyncio.to_thread(self._errands.ask_to_stop, errand.id)
        if not errands:
            await asked.answer(say("chat_nothing_to_stop", asked.language))

    async def stop_draft(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """End what is being written in a draft whose stop button was pressed."""
        stopped = stopped_draft(update)
        errand = await asyncio.to_thread(self._errands.read, stopped.draft_id) if stopped else None
        if errand is None or stopped is None:
            return
        # Drafts are in private chats alone, whose id is the person's.
        here = stopped.chat_id
        if await self._authorization.allows(Action.STOP_ANSWER, here, here, errand):
            await asyncio.to_thread(self._errands.ask_to_stop, errand.id)

    async def _draw(
        self,
        errand: Errand,
        message: MaybeInaccessibleMessage,
        sender: Sender,
        query: CallbackQuery,
    ) -> None:
        """Have what the answer describes painted, for the one who pressed."""
        drawing = drawing_of(errand, wished=False)
        # Answers of earlier versions say nothing of a picture.
        drawing = drawing or StoredDrawing(idea=as_idea(errand.answer or ""), wished=False)
        if not drawing["idea"]:
            await acknowledge(query, say("pressed_unknown", sender.language))
            return
        await acknowledge(query, say("pressed", sender.language))
        address = replace(address_of_press(message, errand.address), press=query.id)
        await self._drawings.order(drawing, 1, address, sender)

    async def _draw_many(
        self, errand: Errand, wanted: OfRecord, query: CallbackQuery, context: ContextTypes.DEFAULT_TYPE
    ) -> None:
        """Have so many pictures painted as their person chose."""
        if not re.fullmatch(r"[1-9]\d?", wanted.choice, re.ASCII) or drawing_of(errand, wished=True) is None:
            await acknowledge(query, say("pressed_unknown", query.from_user.language_code or "en"))
            return
        await acknowledge(query)
        await put_away(context.bot, query)
        await self._drawings.order_answered(errand, int(wanted.choice))


def _is_announcement(message: MaybeInaccessibleMessage | None) -> bool:
    """Whether a message says that an answer is being written, and nothing of it."""
    seen = visible(message) if message is not None else None
    return seen is not None and any(is_said(key, seen.text or "") for key in ("chat_thinking", "describing"))


def as_idea(markdown: str) -> str:
    """An answer's words on one line, as long as an idea may be; whole words where it is cut."""
    words = " ".join(" ".join(piece.text for piece in pieces(markdown)).split())
    return shorten(words, MAX_IDEA_LENGTH)
