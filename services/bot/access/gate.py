"""The one place where it is decided whether an update reaches the handlers at all: messages, presses, links, all kinds.

It asks the record each time, so that a decision holds from the next update on, in every process.
"""

import asyncio
import logging
from datetime import timedelta

from telegram import Bot, Message, Update
from telegram.error import TelegramError

from services.bot.access.origin import Origin, origin_of
from services.bot.access.standing import set_role
from services.bot.locales import say
from services.bot.telegram.addresses import address_of, answer
from services.bot.telegram.callback_queries import acknowledge, leave_unanswered
from services.bot.telegram.errors import words_of
from shared.access import Known, Mode, Profile, Role, Verdict, verdict
from shared.store.access import Roles

log = logging.getLogger(__name__)

TOLD_AGAIN_AFTER = timedelta(days=1)


class Gate:
    """Lets updates in, or says why not; says so once a day at most."""

    def __init__(self, mode: Mode, roles: Roles) -> None:
        self._mode = mode
        self._roles = roles

    async def admits(self, update: Update, bot: Bot) -> bool:
        """Whether the handlers get an update; whoever is not let in is told here.

        Raises:
            StoreAway: The record does not answer: nobody is let in unseen.
        """
        origin = origin_of(update)
        known = await asyncio.to_thread(self._meet, origin)
        person, group = known[0], known[1] if origin.group is not None else None
        set_role(person.role)
        if update.message is not None and update.message.migrate_to_chat_id is not None:
            return True  # Its role goes along with the group.
        decided = verdict(self._mode, person.role, group.role if group is not None else None)
        if decided is Verdict.LET_IN:
            return True
        await self._turn_away(update, group or person, bot, is_blocked=decided is Verdict.IGNORE)
        return False

    def _meet(self, origin: Origin) -> list[Known]:
        """Look up whom an update is from. Blocks."""
        found = self._roles.look(one.id for one in origin.parties)
        for profile in origin.parties:
            known = found.get(profile.id)
            if origin.is_addressed and profile.id != 0 and (known is None or not known.profile.is_still(profile)):
                self._roles.note(profile)
        return [found.get(one.id) or Known(one) for one in origin.parties]

    async def _turn_away(self, update: Update, whom: Known, bot: Bot, *, is_blocked: bool) -> None:
        if update.callback_query is not None:
            if is_blocked:
                leave_unanswered(update.callback_query)
            else:
                language = update.callback_query.from_user.language_code or "en"
                await acknowledge(update.callback_query, say("access_press", language), alert=True)
        elif update.inline_query is not None and not is_blocked:
            await _answer_with_nothing(update, bot)
        elif update.message is not None and not (is_blocked and update.message.chat_id < 0):
            await self._tell(update.message, whom, bot)

    async def _tell(self, message: Message, whom: Known, bot: Bot) -> None:
        """Say in the chat why nothing comes, if it was not said of late."""
        again_after = None if whom.role is Role.BLOCKED else TOLD_AGAIN_AFTER
        if not await asyncio.to_thread(self._may_tell, whom.profile, again_after):
            return
        closed = "access_group_closed" if whom.is_group else "access_closed"
        text = say("access_blocked" if whom.role is Role.BLOCKED else closed, whom.profile.language, id=str(whom.id))
        try:
            await bot.send_message(text=text, **answer(address_of(message, bot.id)))
        except TelegramError as error:
            log.info("not told that the bot is private", extra={"chat_id": message.chat_id, "error": words_of(error)})

    def _may_tell(self, profile: Profile, again_after: timedelta | None) -> bool:
        self._roles.note(profile)
        return self._roles.may_tell(profile.id, again_after=again_after)


async def _answer_with_nothing(update: Update, bot: Bot) -> None:
    query = update.inline_query
    if query is None:
        return
    try:
        await bot.answer_inline_query(query.id, [], is_personal=True, cache_time=60)
    except TelegramError as error:
        log.info("inline query not answered", extra={"error": words_of(error)})
