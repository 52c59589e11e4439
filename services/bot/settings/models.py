"""``/models``: the catalogue, in one message edited in place; a tap makes a model one's usual one."""

import asyncio

from telegram import Message, Update
from telegram.ext import ContextTypes

from services.bot.settings.chat_model_choice import ChatModelChoice
from services.bot.settings.models_menu import IMAGE, ModelsMenu, read
from services.bot.settings.preferences import Choices
from services.bot.telegram.authorization import Authorization
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.commands import words_after_command
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.telegram.permissions import Action
from services.bot.texts.locales import say
from shared.store.people import People


class ModelsCommand:
    """Shows the models, and takes choices."""

    def __init__(
        self,
        people: People,
        choices: Choices,
        pages: ModelsMenu,
        authorization: Authorization,
        chat_models: ChatModelChoice,
    ) -> None:
        self._chat_models = chat_models
        self._people = people
        self._choices = choices
        self._pages = pages
        self._authorization = authorization

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/models`` with the page of the usual image model, ``/models flux`` with those of that name."""
        chosen = await self._choices.in_force(asked.address, asked.sender, asked.bot)
        words = words_after_command(asked.message).strip()
        if words:
            text, buttons = self._pages.search(words, chosen, asked.language)
        else:
            text, buttons = self._pages.page(IMAGE, "", chosen, asked.language)
        await asked.answer(text, buttons)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn a page, which everybody may, or take a choice. The same press twice is one."""
        query = update.callback_query
        if query is None or not isinstance(query.message, Message):
            return
        message, language = query.message, query.from_user.language_code or "en"
        listed, choice = read(query.data)
        change = self._pages.change(listed, choice)
        action = Action.CHOOSE_MODEL if change else Action.BROWSE
        if not await self._authorization.allows_for_chat(action, query.from_user.id, message.chat_id):
            await acknowledge(query, say("settings_not_admin", language), alert=True)
            return
        if change and not await asyncio.to_thread(self._chat_models.allows, query.from_user.id, change):
            await acknowledge(query, say("chat_model_own_keys", language), alert=True)
            return
        if change:
            chosen = await asyncio.to_thread(self._people.choose, message.chat_id, language, **change)
        else:
            chosen = await asyncio.to_thread(self._people.preferences, message.chat_id)
        await acknowledge(query, say("models_chosen", language) if change else None)
        text, buttons = self._pages.page(listed, choice, chosen, language)
        await rewrite(context.bot, query, text, buttons)
