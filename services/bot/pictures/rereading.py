"""Asks about what a request leaves open, and handles its message again with the answer.

How many pictures are wanted, where they are more than four; which model or style is meant, where none has that name.
Until the answer nothing is written down or reserved. The buttons name the message that asked. At a press it is read
from the record as it came, and handled once more, with what was chosen.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from telegram.ext import ContextTypes

from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import OfMessage, code_of, of_message, read_message
from services.bot.telegram.callback_queries import acknowledge, is_shown, put_away, whole_data
from services.bot.telegram.open_questions import OpenQuestions
from services.bot.telegram.permissions import Action
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from shared.catalogue import Catalogue, name_of
from shared.errors import UnclearChoice
from shared.ideas import Hint, Reading
from shared.jobs import Address, Sender
from shared.options import OPTIONS
from shared.store.updates import Updates
from shared.styles import Styles

Again = Callable[[Update], Awaitable[None]]

UNASKED = 4  # pictures that are painted without a question


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for the message that is being handled; None: nothing.

    Attributes:
        count: Pictures.
        model: ``org/name`` on the Hub.
        style: Name of a style.
    """

    count: int | None = None
    model: str | None = None
    style: str | None = None


NOTHING_CHOSEN = Chosen()
_chosen: ContextVar[Chosen] = ContextVar("chosen_for_message", default=NOTHING_CHOSEN)


def agreed(count: int) -> int | None:
    """How many of so many pictures are to be painted now; None: that has to be asked first."""
    chosen = _chosen.get().count
    if chosen is not None:
        return min(count, chosen)
    return count if count <= UNASKED else None


def options_chosen() -> Mapping[str, str]:
    """The options that were chosen, by name, with their values: they count instead of what was typed."""
    chosen = _chosen.get()
    return {name: value for name, value in (("model", chosen.model), ("style", chosen.style)) if value is not None}


@contextmanager
def _choosing(chosen: Chosen) -> Iterator[None]:
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)


def _button(label: str, message_id: int, chosen: Chosen) -> InlineKeyboardButton:
    model, style = (code_of(one) if one is not None else None for one in (chosen.model, chosen.style))
    return InlineKeyboardButton(label, callback_data=of_message(OfMessage(message_id, chosen.count, model, style)))


def is_told(hint: Hint) -> bool:
    """Whether the question that was answered has told this: that fewer pictures can be had than were asked for."""
    return _chosen.get().count is not None and _is_about_count(hint)


def _is_about_count(hint: Hint) -> bool:
    return hint.reason == "hint_clamped" and hint.values["name"] == OPTIONS["n"].typed


async def ask_how_many(read: Reading, address: Address, sender: Sender, bot: Bot) -> None:
    """Ask the sender whether so many are wanted."""
    count = read.request.count
    language, message, chosen = sender.language, address.message_id, _chosen.get()
    buttons = [
        _button(say("button_many_all", language, n=count), message, replace(chosen, count=count)),
        _button(say("button_many_few", language, n=UNASKED), message, replace(chosen, count=UNASKED)),
    ]
    fewer = [say(hint.reason, language, **hint.values) for hint in read.hints if _is_about_count(hint)]
    text = "\n".join([*fewer, say("many_ask", language, n=count)])
    await bot.send_message(text=text, reply_markup=InlineKeyboardMarkup([buttons]), **answer(address))


async def ask_which(error: UnclearChoice, address: Address, sender: Sender, bot: Bot) -> None:
    """Ask which model or style is meant."""
    chosen, is_model = _chosen.get(), error.option == "model"
    ways = [(one, replace(chosen, model=one) if is_model else replace(chosen, style=one)) for one in error.nearest]
    buttons = [_button(name_of(one), address.message_id, way) for one, way in ways]
    key = "choose_one_meant" if error.reason.endswith("ambiguous") else "choose_model" if is_model else "choose_style"
    text = say(key, sender.language, **error.values)
    await bot.send_message(text=text, reply_markup=InlineKeyboardMarkup(in_rows(buttons, 2)), **answer(address))


class Rereading:
    """Takes the answers."""

    def __init__(
        self,
        updates: Updates,
        questions: OpenQuestions,
        catalogue: Catalogue,
        styles: Styles,
        *,
        authorization: Authorization,
        again: Again,
    ) -> None:
        """Handle the presses of these questions' buttons.

        Args:
            again: Has an update handled once more.
        """
        self._again = again
        self._questions = questions
        self._catalogue = catalogue
        self._styles = styles
        self._updates = updates
        self._authorization = authorization

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Have the pictures painted, if it was this person who asked for them."""
        query = update.callback_query
        read = read_message(query.data) if query is not None else None
        if query is None or read is None or query.message is None:
            return
        language, chat_id = query.from_user.language_code or "en", query.message.chat.id
        if not is_shown(query, whole_data):
            await acknowledge(query)
            return
        asked, chosen = await self._message(chat_id, read.id, context), self._read(read)
        if asked is None or chosen is None:
            await acknowledge(query, say("many_gone", language), alert=True)
            await put_away(context.bot, query)
            return
        address, sender = address_of(asked, context.bot.id), sender_of(asked)
        if sender.id != query.from_user.id and not await self._may_speak(sender, address, query.from_user.id):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        await acknowledge(query)
        await put_away(context.bot, query)
        await self._questions.withdraw(asked, address)
        again = Update(update.update_id, message=asked)
        again.set_bot(context.bot)
        with _choosing(chosen):
            await self._again(again)

    def _read(self, read: OfMessage) -> Chosen | None:
        """What a button chooses; None where it names what is no longer there."""
        model = next((one.id for one in self._catalogue if code_of(one.id) == read.model), None)
        style = next((one.name for one in self._styles if code_of(one.name) == read.style), None)
        if (model is None) is not (read.model is None) or (style is None) is not (read.style is None):
            return None
        return Chosen(read.pictures, model, style)

    async def _may_speak(self, sender: Sender, address: Address, person_id: int) -> bool:
        """Whether somebody may answer for a chat in whose name the pictures were asked for."""
        if sender.id > 0:
            return False
        return await self._authorization.allows_for_chat(Action.CHANGE_SETTINGS, person_id, address.chat_id)

    async def _message(self, chat_id: int, message_id: int, context: ContextTypes.DEFAULT_TYPE) -> Message | None:
        """The message that asked, as it reads now."""
        body = await asyncio.to_thread(self._updates.message_at, chat_id=chat_id, message_id=message_id)
        if body is None:
            return None
        raw = json.loads(body)
        return Message.de_json(raw.get("edited_message") or raw.get("message"), context.bot)
