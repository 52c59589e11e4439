"""Decides whether an update reaches the handlers at all. Every kind passes here: messages, presses, links, groups.

It asks the record each time, so that a decision holds from the next update on, in every process.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from telegram import Bot, InlineQuery, InlineQueryResultsButton, Message, Update
from telegram.error import TelegramError

from services.bot.access.groups import Groups
from services.bot.access.links import Links
from services.bot.access.origin import origin_of
from services.bot.access.requests import Requests
from services.bot.access.standing import set_role
from services.bot.telegram import start_links
from services.bot.telegram.addresses import address_of, answer
from services.bot.telegram.callback_queries import acknowledge, leave_unanswered
from services.bot.telegram.errors import words_of
from services.bot.texts.locales import say
from shared.access import Known, Mode, Role, Verdict, verdict
from shared.store.access import ASKED_AGAIN_AFTER, Roles

log = logging.getLogger(__name__)

TOLD_AGAIN_AFTER = timedelta(days=1)
DENIED_AGAIN_AFTER = ASKED_AGAIN_AFTER
CACHE_S = 60  # so long Telegram itself answers a stranger who goes on typing


class Gate:
    """Lets updates in, or says why not; says so once a day at most."""

    def __init__(self, mode: Mode, roles: Roles, requests: Requests, groups: Groups, links: Links) -> None:
        self._mode = mode
        self._roles = roles
        self._requests = requests
        self._groups = groups
        self._links = links

    async def admits(self, update: Update, met: Sequence[Known], bot: Bot) -> bool:
        """Whether the handlers get an update; a sender who is not let in is told here.

        Args:
            met: Whom it is from, as ``meet`` looked them up.

        Raises:
            StoreAway: The record does not answer: nobody is let in unseen.
        """
        origin = origin_of(update)
        person, group = met[0], met[1] if origin.group is not None else None
        set_role(person.role)
        if update.message is not None and update.message.migrate_to_chat_id is not None:
            return True  # Its role goes along with the group.
        if update.my_chat_member is not None:
            return await self._groups.follow(update.my_chat_member, person, group, bot)
        if person.role is not Role.BLOCKED and await self._links.redeem(update.message, origin.who, bot):
            return False
        decided = verdict(self._mode, person.role, group.role if group is not None else None)
        if decided is Verdict.LET_IN:
            return True
        await self._turn_away(update, person, group, bot, is_blocked=decided is Verdict.IGNORE)
        return False

    def meet(self, update: Update) -> Sequence[Known]:
        """Look up whom an update is from. Blocks.

        Raises:
            StoreAway: The record does not answer.
        """
        origin = origin_of(update)
        found = self._roles.look(one.id for one in origin.parties)
        for profile in origin.parties:
            known = found.get(profile.id)
            if origin.is_addressed and profile.id != 0 and (known is None or not known.profile.is_still(profile)):
                self._roles.note(profile)
        return [found.get(one.id) or Known(one) for one in origin.parties]

    async def _turn_away(
        self, update: Update, person: Known, group: Known | None, bot: Bot, *, is_blocked: bool
    ) -> None:
        if update.callback_query is not None:
            if is_blocked:
                leave_unanswered(update.callback_query)
            else:
                language = update.callback_query.from_user.language_code or "en"
                await acknowledge(update.callback_query, say("access_press", language), alert=True)
        elif update.inline_query is not None and not is_blocked:
            await _answer_with_link(update.inline_query)
        elif update.message is None:
            return
        elif group is None:
            await self._tell(update.message, person, bot)
        elif not is_blocked and not _is_farewell(update.message, bot):
            await self._turn_group_away(update.message, person, group, bot)

    async def _turn_group_away(self, message: Message, person: Known, group: Known, bot: Bot) -> None:
        if self._mode is Mode.REQUEST and not group.is_denied:
            await self._groups.ask(bot, group, person.profile)
        else:
            await self._tell(message, group, bot)

    async def _tell(self, message: Message, whom: Known, bot: Bot) -> None:
        """Say in the chat why nothing comes, if it was not said of late, and ask the owners."""
        may_be_asked_about = self._mode is Mode.REQUEST and whom.role is Role.STRANGER and not whom.is_group
        again_after = None if whom.role is Role.BLOCKED else DENIED_AGAIN_AFTER if whom.is_denied else TOLD_AGAIN_AFTER
        is_told = whom.was_told(within=again_after)
        # Who wrote when nobody could be asked (the bot had no owner yet) is asked about with the next message.
        is_overlooked = may_be_asked_about and not whom.is_waiting and not whom.is_denied
        # Most of what somebody sends who is not let in costs no more than the look at their row.
        if is_told and not is_overlooked:
            return
        # Of several messages at once each may be the one that asks, and the one that is answered.
        await asyncio.to_thread(self._roles.note, whom.profile)
        asks = may_be_asked_about and await self._requests.begin(whom.profile)
        tells = asks if is_told else await asyncio.to_thread(self._roles.may_tell, whom.id, again_after=again_after)
        if tells:
            is_waiting = asks or (await asyncio.to_thread(self._roles.one, whom.id)).is_waiting
            await self._say(_sentence(whom, asks=is_waiting), message, whom, bot)
        if asks:
            await self._requests.ask(bot, whom.profile, whom.profile)

    @staticmethod
    async def _say(sentence: str, message: Message, whom: Known, bot: Bot) -> None:
        text = say(sentence, whom.profile.language, id=str(whom.id))
        try:
            await bot.send_message(text=text, **answer(address_of(message, bot.id)))
        except TelegramError as error:
            log.info("not told that the bot is private", extra={"chat_id": message.chat_id, "error": words_of(error)})


def _is_farewell(message: Message, bot: Bot) -> bool:
    """Whether a message tells that the bot was removed: there is nobody to talk to any more."""
    return message.left_chat_member is not None and message.left_chat_member.id == bot.id


def _sentence(whom: Known, *, asks: bool) -> str:
    """What somebody is told who is not let in; ``asks``: and the owners are asked about. Pure."""
    if whom.role is Role.BLOCKED:
        return "access_blocked"
    if whom.is_group:
        return "access_group_closed"
    return "access_asked" if asks else "access_closed"


async def _answer_with_link(query: InlineQuery) -> None:
    """Offer a stranger the way to the bot, where they can ask to be let in, and nothing else."""
    label = say("inline_closed", query.from_user.language_code or "en")
    button = InlineQueryResultsButton(label, start_parameter=start_links.ACCESS)
    try:
        await query.answer([], is_personal=True, cache_time=CACHE_S, button=button)
    except TelegramError as error:
        log.info("inline query not answered", extra={"error": words_of(error)})
