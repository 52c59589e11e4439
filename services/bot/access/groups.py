"""The bot is added to a group: by an owner or admin it stays, otherwise the owners are asked, or it leaves."""

import asyncio
import logging
from collections.abc import Callable

from telegram import Bot, ChatMember, ChatMemberUpdated
from telegram.constants import ChatType, ParseMode
from telegram.error import TelegramError

from services.bot.access.requests import Requests, leave
from services.bot.telegram.errors import words_of
from services.bot.texts.locales import say
from services.health import Sign
from shared.access import MANAGERS, Known, Mode, Profile, Role, Verdict, verdict
from shared.errors import StoreAway
from shared.store.access import Roles

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
OUTSIDE = frozenset({ChatMember.LEFT, ChatMember.BANNED})


class Groups:
    """Decides where the bot stays."""

    def __init__(self, mode: Mode, roles: Roles, requests: Requests, heard: Callable[[int], None]) -> None:
        """Call ``heard`` with the id of a chat that takes messages again."""
        self._heard = heard
        self._mode = mode
        self._roles = roles
        self._requests = requests

    async def follow(self, change: ChatMemberUpdated, by: Known, group: Known | None, bot: Bot) -> bool:
        """Hear that the bot was added to a chat, or removed; whether the handlers shall hear it, too.

        Args:
            by: Who did it.
            group: The chat; None in private.
        """
        if group is None or change.chat.type == ChatType.CHANNEL:
            return True
        if not _is_added(change):
            if group.is_waiting and not _is_in(change.new_chat_member):
                await asyncio.to_thread(self._roles.left, group.id)  # Adding the bot again asks again.
            return True
        self._heard(group.id)
        if by.role in MANAGERS:
            before = await asyncio.to_thread(self._roles.decide, group.profile, Role.MEMBER, by=by.id)
            if before is not None and before.cards:
                await self._requests.settle(bot, before, Role.MEMBER, by=by.id)
            return True
        decided = verdict(self._mode, by.role, group.role)
        if decided is Verdict.LET_IN:
            return True
        if decided is Verdict.IGNORE or group.is_denied:
            await leave(bot, group.id)
        elif self._mode is Mode.LIST:
            await self._say(bot, "access_group_closed", group.profile)
            await leave(bot, group.id)
        else:
            await self.ask(bot, group, by.profile)
        return False

    async def ask(self, bot: Bot, group: Known, by: Profile) -> None:
        """Say in the group that the owners are asked, once, and ask them; without an answer it is left."""
        self._heard(group.id)
        if group.was_told(within=None) or not await asyncio.to_thread(self._may_ask, group.profile):
            return
        asks = await self._requests.begin(group.profile)
        await self._say(bot, "access_group_asked" if asks else "access_group_closed", group.profile)
        if asks:
            await self._requests.ask(bot, group.profile, by)

    def _may_ask(self, group: Profile) -> bool:
        self._roles.note(group)
        self._roles.leave_later(group.id)
        return self._roles.may_tell(group.id, again_after=None)

    async def keep_leaving(self, bot: Bot, sign: Sign) -> None:
        """Leave the groups for which nobody has decided in time, and forget strangers of long ago.

        Runs until cancelled.
        """
        while True:
            try:
                for group in await asyncio.to_thread(self._roles.due_to_leave):
                    await self._leave_unanswered(bot, group)
                await asyncio.to_thread(self._roles.forget_strangers)
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("groups not left", extra={"error": str(error)})
            await asyncio.sleep(LOOK_EVERY_S)

    async def _leave_unanswered(self, bot: Bot, group: Known) -> None:
        log.info("group left: nobody decided for it", extra={"chat_id": group.id})
        await leave(bot, group.id)
        await self._requests.close_unanswered(bot, group)
        await asyncio.to_thread(self._roles.left, group.id)

    @staticmethod
    async def _say(bot: Bot, sentence: str, group: Profile) -> None:
        text = say(sentence, group.language, id=str(group.id))
        try:
            await bot.send_message(group.id, text, ParseMode.HTML)
        except TelegramError as error:
            log.info("a group not told that the bot is private", extra={"chat_id": group.id, "error": words_of(error)})


def _is_added(change: ChatMemberUpdated) -> bool:
    """Whether the bot was not in the chat before, and is now. Pure."""
    before, after = change.old_chat_member, change.new_chat_member
    return not _is_in(before) and _is_in(after)


def _is_in(member: ChatMember) -> bool:
    return member.status not in OUTSIDE and getattr(member, "is_member", True) is not False
