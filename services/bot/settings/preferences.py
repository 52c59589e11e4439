"""A chat's preferences in force; a model that is gone is replaced by its successor, and the chat is told once."""

import asyncio
from collections.abc import Iterator

from telegram import Bot
from telegram.error import TelegramError

from services.bot.intake.sender_preferences import sender_preferences
from services.bot.telegram.addresses import answer
from services.bot.texts.locales import say
from shared.catalogue import Catalogue, name_of
from shared.chat_models import ChatModels
from shared.jobs import Address, Sender
from shared.preferences import Preferences
from shared.store.people import People, whose


class Choices:
    """Reads choices for those who act on them."""

    def __init__(self, people: People, catalogue: Catalogue, chat_models: ChatModels) -> None:
        self._people = people
        self._catalogue = catalogue
        self._chat_models = chat_models

    async def in_force(self, address: Address, sender: Sender, bot: Bot) -> Preferences:
        """What counts for a message, with models that can be had; where one had to be replaced, the chat reads so."""
        chosen = sender_preferences(whose(address, sender))
        if chosen is None:
            chosen = await asyncio.to_thread(self._people.in_force, address, sender)
        for name, gone, successor in self._gone(chosen):
            chosen = chosen.but(**{name: successor})
            is_first = await asyncio.to_thread(
                self._people.replace, whose(address, sender), name, gone=gone, successor=successor
            )
            if is_first:
                await _tell(gone, successor, address, sender, bot)
        return chosen

    def _gone(self, chosen: Preferences) -> Iterator[tuple[str, str, str]]:
        """Which preference names a model that is gone, that model, and its successor."""
        for name, models in (("image_model", self._catalogue), ("chat_model", self._chat_models)):
            gone = getattr(chosen, name)
            successor = models.replacement(gone) if gone else None
            if successor is not None:
                yield name, gone, successor


async def _tell(gone: str, successor: str, address: Address, sender: Sender, bot: Bot) -> None:
    text = say("settings_succeeded", sender.language, gone=name_of(gone), successor=name_of(successor))
    try:
        await bot.send_message(text=text, **answer(address), disable_notification=True)
    except TelegramError:
        return  # What was asked for matters more; /settings shows the new model.
