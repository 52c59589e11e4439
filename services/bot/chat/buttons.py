"""What can be done with an answer: stop it, or have it painted."""

import asyncio
from dataclasses import dataclass, replace

from telegram import CallbackQuery, MaybeInaccessibleMessage, Update
from telegram.ext import ContextTypes

from services.bot.locales import is_said, say
from services.bot.pictures import keyboards
from services.bot.pictures.imagine import Imagine
from services.bot.settings.preferences import Choices
from services.bot.telegram.addresses import address_of, address_of_press, answer, sender_of, visible
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, put_away
from services.bot.telegram.permissions import Action
from services.bot.telegram.status_messages import StatusMessages
from services.bot.texts.markdown import pieces
from shared.errands import Errand, Kind
from shared.ideas import MAX_IDEA_LENGTH, shorten
from shared.jobs import ENDED, Request, Sender
from shared.status_messages import Work
from shared.store.errands import Errands

PATTERN = rf"^({keyboards.STOP}|{keyboards.DRAW}) "
OF = {keyboards.STOP: {Kind.CHAT, Kind.DESCRIBE}, keyboards.DRAW: {Kind.CHAT}}  # which errands have such a button


class AnswerButtons:
    """Does what they say."""

    def __init__(
        self,
        errands: Errands,
        choices: Choices,
        imagine: Imagine,
        messages: StatusMessages,
        authorization: Authorization,
    ) -> None:
        self._errands = errands
        self._choices = choices
        self._imagine = imagine
        self._messages = messages
        self._authorization = authorization

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press."""
        query = update.callback_query
        if query is None:
            return
        wanted, message = keyboards.read(query.data), query.message
        sender = Sender(query.from_user.id, query.from_user.language_code or "en")
        errand = await asyncio.to_thread(self._errands.read, wanted[1]) if wanted else None
        if wanted is None or errand is None or errand.kind not in OF[wanted[0]] or message is None:
            await acknowledge(query, say("pressed_unknown", sender.language))
            await put_away(context.bot, query, keep_words=not _is_announcement(message))
            return
        if wanted[0] == keyboards.STOP:
            await self._messages.pressed(query, Work.ERRAND, errand.id, errand.address.chat_id)
        action = Action.DRAW_ANSWER if wanted[0] == keyboards.DRAW else Action.STOP_ANSWER
        if not await self._authorization.allows(action, sender.id, message.chat.id, errand):
            await acknowledge(query, say("chat_pressed_not_yours", sender.language), alert=True)
        elif action is Action.DRAW_ANSWER:
            await self._draw(errand, message, sender, query, context)
        elif errand.state in ENDED:
            await acknowledge(query, say("chat_pressed_over", sender.language))
            if errand.delivered_at is not None:
                await put_away(context.bot, query, keep_words=True)
        else:
            await acknowledge(query, say("chat_pressed_stop", sender.language))
            await asyncio.to_thread(self._errands.ask_to_stop, errand.id)

    async def stop(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/stop``: end what is being written for whoever says so, here."""
        message = update.effective_message
        if message is None:
            return
        address, sender = address_of(message, context.bot.id), sender_of(message)
        asked = await asyncio.to_thread(self._errands.asked_by, address, sender.id)
        for errand in asked:
            await asyncio.to_thread(self._errands.ask_to_stop, errand.id)
        if not asked:
            await context.bot.send_message(text=say("chat_nothing_to_stop", sender.language), **answer(address))

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
        context: ContextTypes.DEFAULT_TYPE,
    ) -> None:
        """Have the answer painted, for the one who pressed."""
        idea = as_idea(errand.answer or "")
        if not idea:
            await acknowledge(query, say("pressed_unknown", sender.language))
            return
        await acknowledge(query, say("pressed", sender.language))
        address = replace(address_of_press(message, errand.address), press=query.id)
        chosen = await self._choices.in_force(address, sender, context.bot)
        request = chosen.defaults_for(Request(idea))
        await self._imagine.order(request, address, sender, context)


@dataclass(frozen=True, slots=True)
class StoppedDraft:
    """Which draft a person wants no more of."""

    chat_id: int
    draft_id: int


def stopped_draft(update: Update) -> StoppedDraft | None:
    """Read a press of a draft's own stop button, of which the library knows nothing yet."""
    match update.api_kwargs.get("stopped_message_generation"):
        case {"chat": {"id": int() as chat_id}, "draft_id": int() as draft_id}:
            return StoppedDraft(chat_id, draft_id)
        case _:
            return None


def _is_announcement(message: MaybeInaccessibleMessage | None) -> bool:
    """Whether a message says that an answer is being written, and nothing of it."""
    seen = visible(message) if message is not None else None
    return seen is not None and any(is_said(key, seen.text or "") for key in ("chat_thinking", "describing"))


def as_idea(markdown: str) -> str:
    """An answer's words on one line, as long as an idea may be; whole words where it is cut."""
    words = " ".join(" ".join(piece.text for piece in pieces(markdown)).split())
    return shorten(words, MAX_IDEA_LENGTH)
