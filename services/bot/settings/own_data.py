"""``/privacy`` and ``/deletemydata``: what is stored of a person, and its deletion, which a worker does."""

import asyncio
from datetime import timedelta

from telegram import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import ContextTypes

from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import of_own_data, read_own_data
from services.bot.telegram.callback_queries import acknowledge, is_shown, rewrite
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration
from shared.errands import ErrandKind
from shared.jobs import Address, Sender
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.retention import Retention
from shared.store.errands import Errands
from shared.store.keys import Key, Keys
from shared.tickets import Tickets

ASK, DELETE, KEEP = "ask", "delete", "keep"


class OwnData:
    """Tells people what is stored of them, and has it deleted."""

    def __init__(
        self, errands: Errands, keys: Keys, tickets: Tickets, authorization: Authorization, retention: Retention
    ) -> None:
        self._errands = errands
        self._keys = keys
        self._tickets = tickets
        self._authorization = authorization
        self._retention = retention

    @for_message
    async def privacy(self, asked: Incoming) -> None:
        """Answer ``/privacy``."""
        keys = await asyncio.to_thread(self._keys.of, asked.sender.id)
        buttons = _row(asked.language, ASK) if asked.address.private else None
        await asked.answer(tell(self._retention, keys, asked.language), buttons)

    @for_message
    async def delete(self, asked: Incoming) -> None:
        """Answer ``/deletemydata``: ask whether it is meant."""
        if asked.address.private:
            await asked.answer(say("forget_ask", asked.language), _row(asked.language, ASK, KEEP))
        else:
            await asked.answer(say("own_data_in_private", asked.language))

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Ask once more, delete all, or leave it."""
        query = update.callback_query
        choice = read_own_data(query.data) if query is not None else None
        if query is None or query.message is None or choice is None:
            return
        language, chat_id = query.from_user.language_code or "en", query.message.chat.id
        if not await self._authorization.allows_for_person(Action.DELETE_DATA, query.from_user.id, chat_id):
            await acknowledge(query, say("pressed_not_yours", language), alert=True)
            return
        await acknowledge(query)
        if choice == DELETE and not is_shown(query):
            return  # Nobody was asked by this message.
        if choice == DELETE:
            await rewrite(context.bot, query, say("forget_running", language), None)
            await asyncio.to_thread(self._forget, query, language, context.bot.id)
        elif choice == ASK:
            await rewrite(context.bot, query, say("forget_sure", language), _row(language, DELETE, KEEP))
        else:
            await rewrite(context.bot, query, say("forget_kept", language), None)

    def _forget(self, query: CallbackQuery, language: str, bot_id: int) -> None:
        message = query.message
        if message is None:
            return
        _, is_new = self._errands.submit(
            ErrandKind.FORGET,
            {},
            address=Address(bot_id, message.chat.id, message.message_id, press=query.id),
            sender=Sender(query.from_user.id, language),
            shown={"messages": [message.message_id], "said": 0},
        )
        if is_new:
            self._tickets.send()


def tell(retention: Retention, keys: dict[str, Key], language: str) -> str:
    """What is stored, for how long, and who gets it, as Telegram HTML. Pure."""

    def lasts(span: timedelta | None) -> str:
        return duration(span.total_seconds(), language) if span else say("privacy_always", language)

    def whose(service: str) -> str:
        return say("privacy_own_key" if service in keys else "privacy_owners_key", language)

    times = {
        "pictures": lasts(retention.pictures),
        "requests": lasts(retention.requests),
        "files": lasts(retention.files),
        "chats": lasts(retention.chats),
        "updates": lasts(retention.updates),
    }
    return "\n\n".join(
        [
            say("privacy_stored", language),
            say("privacy_times", language, **times),
            say("privacy_services", language),
            say("privacy_keys", language, google=whose(GOOGLE), huggingface=whose(HUGGINGFACE)),
            say("privacy_rights", language),
        ]
    )


def _row(language: str, *choices: str) -> InlineKeyboardMarkup:
    names = {ASK: "button_forget_ask", DELETE: "button_forget_sure", KEEP: "button_forget_keep"}
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(say(names[one], language), callback_data=of_own_data(one)) for one in choices]]
    )
