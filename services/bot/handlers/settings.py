"""``/settings``: one message, edited in place, for the person in private and for the admins of a group."""

import asyncio
import re
from typing import Any

from telegram import Bot, CallbackQuery, ForceReply, Message, Update
from telegram.constants import ChatType, ParseMode
from telegram.error import BadRequest, TelegramError
from telegram.ext import ContextTypes
from telegram.helpers import create_deep_linked_url

from services.bot import settings_menu as menu
from services.bot.amounts import number
from services.bot.choices import Choices
from services.bot.exact_values import PRESETS, OutOfRange, Unreadable, limits, read_number
from services.bot.handlers.addresses import address_of, answer, sender_of, visible
from services.bot.languages import told_language
from services.bot.locales import say
from services.bot.rights import Admins
from shared.chat_models import ChatModel
from shared.preferences import Preferences
from shared.store.people import People

FROM_LINK = "settings-"  # begins what /start is told by the link in our question for an exact value
_QUESTION = re.compile(r"https?://t\.me/\w+\?start=settings-([a-z_]+)-(\d{1,18})")


class Settings:
    """Shows what was chosen, and takes new choices."""

    def __init__(self, people: People, choices: Choices, pages: menu.Menu, admins: Admins) -> None:
        self._people = people
        self._choices = choices
        self._pages = pages
        self._admins = admins

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/settings`` with the first page."""
        message = update.effective_message
        if message is None:
            return
        address, sender = address_of(message, context.bot.id), sender_of(message)
        if not address.private and not await self._admins.include(message.chat_id, sender.id):
            await context.bot.send_message(text=say("settings_not_admin", sender.language), **answer(address))
            return
        await self._open(menu.HOME, message, context.bot)

    async def link(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a tap on the link in our question: it opens the page that the question is about."""
        message = update.effective_message
        if message is None or message.chat.type != ChatType.PRIVATE:
            return
        page = "".join(context.args or []).removeprefix(FROM_LINK).rpartition("-")[0]
        await self._open(page if page in menu.LABELS else menu.HOME, message, context.bot)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn to a page, or take a choice. The same press twice is one."""
        query = update.callback_query
        if query is None or not isinstance(query.message, Message):
            return
        message, language = query.message, query.from_user.language_code or "en"
        private = message.chat.type == ChatType.PRIVATE
        if not private and not await self._admins.include(message.chat_id, query.from_user.id):
            await _answer(query, say("settings_not_admin", language), alert=True)
            return
        page, choice = menu.read(query.data)
        whose = query.from_user.id if private else message.chat_id
        if page in PRESETS and choice == menu.ASK:
            await _answer(query)
            chosen = await asyncio.to_thread(self._people.preferences, whose)
            await self._ask(page, chosen, message, context.bot, language, query.from_user.id)
            return
        chosen = await self._chosen(whose, language, page, choice)
        if page == "language" and choice:
            language = chosen.language or told_language(query.from_user)
        done = page == menu.RESET and choice == menu.SURE
        await _answer(query, say("settings_reset_done", language) if done else None)
        await self._show(
            menu.HOME if done else page,
            choice,
            chosen,
            language,
            bot=context.bot,
            chat_id=message.chat_id,
            # What Telegram doesn't show us any more can't be changed: it is said anew.
            message_id=message.message_id if visible(message) else None,
        )

    async def reply(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take an exact value, the answer to our question."""
        message = update.effective_message
        asked = question(message, context.bot.id) if message else None
        if message is None or asked is None:
            return
        name, settings_id = asked
        address, sender = address_of(message, context.bot.id), sender_of(message)
        if not address.private and not await self._admins.include(message.chat_id, sender.id):
            await context.bot.send_message(text=say("settings_not_admin", sender.language), **answer(address))
            return
        label = say(menu.LABELS[name], sender.language)
        model = self._pages.chat_model(await asyncio.to_thread(self._people.in_force, address, sender))
        try:
            value = read_number(name, message.text or "", model)
        except (Unreadable, OutOfRange) as error:
            least, most = _range(name, model, sender.language)
            key = "settings_out_of_range" if isinstance(error, OutOfRange) else "settings_unreadable"
            text = say(key, sender.language, name=label, least=least, most=most)
            await context.bot.send_message(text=text, **answer(address))
            return
        whose = sender.id if address.private else address.chat_id
        chosen = await asyncio.to_thread(self._people.choose, whose, sender.language, **{name: value})
        shown = self._pages.value(name, chosen, sender.language)
        text = say("settings_line", sender.language, name=label, value=shown)
        await context.bot.send_message(text=text, **answer(address))
        await self._show(
            name, "", chosen, sender.language, bot=context.bot, chat_id=message.chat_id, message_id=settings_id
        )

    async def _open(self, page: str, message: Message, bot: Bot) -> None:
        """Send the one message with the settings."""
        address, sender = address_of(message, bot.id), sender_of(message)
        chosen = await self._choices.in_force(address, sender, bot)
        await bot.send_message(
            text=self._pages.text(page, "", chosen, sender.language, private=address.private),
            reply_markup=self._pages.keyboard(page, "", chosen, sender.language, private=address.private),
            **answer(address),
        )

    async def _chosen(self, whose: int, language: str, page: str, choice: str) -> Preferences:
        if page == menu.RESET and choice == menu.SURE:
            return await asyncio.to_thread(self._people.reset, whose, language)
        chosen = await asyncio.to_thread(self._people.preferences, whose)
        change = self._pages.change(page, choice, chosen)
        if change is None:
            return chosen
        return await asyncio.to_thread(self._people.choose, whose, language, **change)

    async def _ask(  # noqa: PLR0917
        self, page: str, chosen: Preferences, message: Message, bot: Bot, language: str, person_id: int
    ) -> None:
        """Ask for an exact value. The link in the question tells us later what it was about."""
        least, most = _range(page, self._pages.chat_model(chosen), language)
        link = create_deep_linked_url(bot.username, f"{FROM_LINK}{page}-{message.message_id}")
        words = say("settings_ask", language, name=say(menu.LABELS[page], language), least=least, most=most)
        where = answer(address_of(message, bot.id))
        # In a group the reply is asked of the one who is mentioned.
        mention = f'<a href="tg://user?id={person_id}">✏️</a>'
        await bot.send_message(
            text=f'{mention}<a href="{link}">🔢</a> {words}', reply_markup=ForceReply(selective=True), **where
        )

    async def _show(
        self,
        page: str,
        choice: str,
        chosen: Preferences,
        language: str,
        *,
        bot: Bot,
        chat_id: int,
        message_id: int | None,
    ) -> None:
        private = chat_id > 0
        content: dict[str, Any] = {
            "chat_id": chat_id,
            "text": self._pages.text(page, choice, chosen, language, private=private),
            "reply_markup": self._pages.keyboard(page, choice, chosen, language, private=private),
            "parse_mode": ParseMode.HTML,
        }
        if message_id is None:
            await bot.send_message(**content)
            return
        try:
            await bot.edit_message_text(message_id=message_id, **content)
        except BadRequest:
            # Not modified by a second press, or deleted meanwhile.
            return


def question(message: Message, bot_id: int) -> tuple[str, int] | None:
    """The preference for which a message gives an exact value, and the message with the settings.

    A link in our question tells, so nothing is remembered, and the language does not matter.
    """
    asked = message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id != bot_id:
        return None
    for entity in asked.entities:
        if found := _QUESTION.fullmatch(entity.url or ""):
            return (found[1], int(found[2])) if found[1] in PRESETS else None
    return None


def _range(name: str, model: ChatModel, language: str) -> tuple[str, str]:
    """The limits of a number as people would type it."""
    least, most = limits(name, model)
    return number(least, language, grouped=False), number(most, language, grouped=False)


async def _answer(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError:
        return  # An answer that comes too late is refused; the press counts all the same.
