"""``/status``: how the installation stands, for its owners, in private."""

import asyncio

from telegram import Update
from telegram.ext import ContextTypes

from services.bot.owner.overview import tell
from services.bot.telegram.addresses import address_of, answer, sender_of
from shared.store.database import Database
from shared.store.overview import look_over


class OwnersOverview:
    """Answers owners; who else types the command is never let in here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Tell from the record how all stands."""
        message = update.effective_message
        if message is None:
            return
        overview = await asyncio.to_thread(look_over, self._database)
        text = tell(overview, sender_of(message).language)
        await context.bot.send_message(text=text, **answer(address_of(message, context.bot.id)))
