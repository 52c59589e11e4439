"""``/settings``: one message, edited in place, for the person in private and for the admins of a group."""

import asyncio
import re

from telegram import Bot, ForceReply, Message, Update, User
from telegram.constants import ChatType
from telegram.ext import ContextTypes
from telegram.helpers import create_deep_linked_url

from services.bot.intake.languages import told_language
from services.bot.settings import menu
from services.bot.settings.chat_model_choice import ChatModelChoice
from services.bot.settings.exact_values import PRESETS, OutOfRange, Unreadable, limits, read_number
from services.bot.settings.preferences import Choices
from services.bot.settings.sheets import SheetPhotos
from services.bot.telegram import start_links
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_data import read_page
from services.bot.telegram.callback_queries import acknowledge, edit
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.open_questions import OpenQuestions, answered, answers
from services.bot.telegram.permissions import Action
from services.bot.texts.locales import say
from services.bot.texts.number_format import number
from shared.chat_models import ChatModel
from shared.preferences import Preferences
from shared.questions import Asked, Question
from shared.store.people import People

_QUESTION = re.compile(r"https?://t\.me/\w+\?start=settings-([a-z_]+)-(\d{1,18})")


class SettingsHandler:
    """Shows what was chosen, and takes new choices."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self,
        people: People,
        choices: Choices,
        pages: menu.Menu,
        authorization: Authorization,
        questions: OpenQuestions,
        chat_models: ChatModelChoice,
        sheets: SheetPhotos,
    ) -> None:
        self._sheets = sheets
        self._chat_models = chat_models
        self._people = people
        self._choices = choices
        self._pages = pages
        self._authorization = authorization
        self._questions = questions

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/settings`` with the first page."""
        if not await self._may_change(asked.sender.id, asked.address.chat_id):
            await asked.answer(say("settings_not_admin", asked.language))
            return
        await self._open(menu.HOME, asked)

    @for_message
    async def link(self, asked: Incoming) -> None:
        """Answer a tap on the link in our question: it opens the page that the question is about."""
        if not asked.address.private:
            return
        page = "".join(asked.arguments).removeprefix(start_links.SETTINGS).rpartition("-")[0]
        await self._open(page if page in menu.LABELS else menu.HOME, asked)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn to a page, or take a choice. The same press twice is one."""
        query = update.callback_query
        if query is None or not isinstance(query.message, Message):
            return
        message, language = query.message, query.from_user.language_code or "en"
        if not await self._may_change(query.from_user.id, message.chat_id):
            await acknowledge(query, say("settings_not_admin", language), alert=True)
            return
        page, choice = read_page(query.data)
        if page in PRESETS and choice == menu.ASK:
            await acknowledge(query)
            chosen = await asyncio.to_thread(self._people.preferences, message.chat_id)
            await self._ask(page, chosen, message, context.bot, language, query.from_user.id)
            return
        if page == "chat_model" and not await self._may_have(query.from_user.id, message.chat_id, choice):
            await acknowledge(query, say("chat_model_own_keys", language), alert=True)
            return
        chosen = await self._chosen(message.chat_id, language, page, choice)
        if page == "language" and choice:
            language = chosen.language or told_language(query.from_user)
        done = page == menu.RESET and choice == menu.SURE
        await acknowledge(query, say("settings_reset_done", language) if done else None)
        private = message.chat.type == ChatType.PRIVATE
        page = menu.HOME if done else page
        sheet = await self._sheets.of(page)
        text, buttons = self._pages.page(page, choice, chosen, language, private=private, sheet=sheet)
        await self._sheets.turn(context.bot, query, sheet, text, buttons)

    @staticmethod
    def is_reply(message: Message, us: User) -> bool:
        """Whether a message answers our question for an exact value."""
        return question(message, us.id) is not None

    async def reply(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take an exact value, the answer to our question."""
        message = update.effective_message
        asked = question(message, context.bot.id) if message else None
        if message is None or asked is None:
            return
        name, settings_id = asked
        address, sender = address_of(message, context.bot.id), sender_of(message)
        if not await self._may_change(sender.id, message.chat_id):
            await context.bot.send_message(text=say("settings_not_admin", sender.language), **answer(address))
            return
        label = say(menu.LABELS[name], sender.language)
        model = self._pages.chat_model(await asyncio.to_thread(self._people.in_force, address, sender))
        try:
            value = read_number(name, message.text or "", model)
        except (Unreadable, OutOfRange) as error:
            least, most = _range(name, model, sender.language)
            key = "settings_out_of_range" if isinstance(error, OutOfRange) else "settings_unreadable"
            await self._questions.ask_again(message, address)
            text = say(key, sender.language, name=label, least=least, most=most)
            await context.bot.send_message(text=text, **answer(address))
            return
        chosen = await asyncio.to_thread(self._people.choose, message.chat_id, sender.language, **{name: value})
        shown = self._pages.value(name, chosen, sender.language)
        text = say("settings_line", sender.language, name=label, value=shown)
        await context.bot.send_message(text=text, **answer(address))
        text, buttons = self._pages.page(name, "", chosen, sender.language, private=address.private)
        await edit(context.bot, message.chat_id, settings_id, text, buttons)

    async def _may_change(self, person_id: int, chat_id: int) -> bool:
        return await self._authorization.allows_for_chat(Action.CHANGE_SETTINGS, person_id, chat_id)

    async def _open(self, page: str, asked: Incoming) -> None:
        """Send the one message with the settings."""
        chosen = await self._choices.in_force(asked.address, asked.sender, asked.bot)
        text, buttons = self._pages.page(page, "", chosen, asked.language, private=asked.address.private)
        await asked.answer(text, buttons)

    async def _may_have(self, person_id: int, whose: int, choice: str) -> bool:
        """Whether a person may choose this chat model, for themselves or for their group."""
        chosen = await asyncio.to_thread(self._people.preferences, whose)
        change = self._pages.change("chat_model", choice, chosen)
        return change is None or await asyncio.to_thread(self._chat_models.allows, person_id, change)

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
        address = address_of(message, bot.id)
        await self._questions.ask(address, Question(Asked.VALUE, {"name": page, "settings": message.message_id}))
        link = create_deep_linked_url(bot.username, f"{start_links.SETTINGS}{page}-{message.message_id}")
        words = say("settings_ask", language, name=say(menu.LABELS[page], language), least=least, most=most)
        where = answer(address)
        # In a group the reply is asked of the one who is mentioned.
        mention = f'<a href="tg://user?id={person_id}">✏️</a>'
        await bot.send_message(
            text=f'{mention}<a href="{link}">🔢</a> {words}', reply_markup=ForceReply(selective=True), **where
        )


def question(message: Message, bot_id: int) -> tuple[str, int] | None:
    """The preference for which a message gives an exact value, and the message with the settings.

    The message was marked so, or a link in the question that it replies to tells; the language does not matter.
    """
    if answers(message, Asked.VALUE) and (marked := answered(message)) is not None:
        return str(marked.about["name"]), int(marked.about["settings"])
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
