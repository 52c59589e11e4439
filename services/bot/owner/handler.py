"""``/status``: the state of the installation, for its owners, in private chats."""

import asyncio

from services.bot.owner.overview import tell
from services.bot.telegram.incoming import Incoming, for_message
from shared.store.database import Database
from shared.store.overview import look_over
from shared.tickets import Tickets


class OwnersOverview:
    """Answers owners; who else types the command is never let in here."""

    def __init__(self, database: Database, tickets: Tickets) -> None:
        self._database = database
        self._tickets = tickets

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Tell from the record how all stands, and whether the broker answers."""
        overview = await asyncio.to_thread(look_over, self._database)
        under_way = await asyncio.to_thread(self._tickets.on_their_way)
        await asked.answer(tell(overview, asked.language, broker_answers=under_way is not None))
