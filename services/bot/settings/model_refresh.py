"""Reloads the lists of models that workers have refreshed."""

import asyncio
import logging

from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.errors import StoreAway
from shared.store.models import CHAT, IMAGE, Models

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


class Offers:
    """Reads what is served; without the database, what was known goes on."""

    def __init__(self, catalogue: Catalogue, chat_models: ChatModels, models: Models) -> None:
        self._catalogue = catalogue
        self._chat_models = chat_models
        self._models = models

    async def look(self) -> None:
        """Take over what the last surveys found."""
        try:
            self._catalogue.refresh(await asyncio.to_thread(self._models.all, IMAGE))
            self._chat_models.refresh(await asyncio.to_thread(self._models.all, CHAT))
        except StoreAway as error:
            log.warning("models not read", extra={"error": str(error)})

    async def keep_current(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)
