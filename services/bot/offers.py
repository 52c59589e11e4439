"""Keeps the lists of models at what the workers' surveys found."""

import asyncio
import logging

from shared.catalogue import Catalogue
from shared.chat_models import ChatModels
from shared.errors import StoreAway
from shared.store.models import CHAT, IMAGE, Models

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
LOOK_SOON_S = 5.0  # while no worker has asked the services yet


class Offers:
    """Reads what is served; without the database, what was known goes on."""

    def __init__(self, catalogue: Catalogue, chat_models: ChatModels, models: Models) -> None:
        self._catalogue = catalogue
        self._chat_models = chat_models
        self._models = models

    async def look(self) -> bool:
        """Take over what the last surveys found; tells whether there was a survey of the image models."""
        try:
            images = await asyncio.to_thread(self._models.all, IMAGE)
            self._chat_models.refresh(await asyncio.to_thread(self._models.all, CHAT))
        except StoreAway:
            log.warning("models not read: the database is away")
            return True
        self._catalogue.refresh(images)
        return bool(images)

    async def keep_current(self) -> None:
        """Look again and again."""
        while True:
            was_surveyed = await self.look()
            await asyncio.sleep(LOOK_EVERY_S if was_surveyed else LOOK_SOON_S)
