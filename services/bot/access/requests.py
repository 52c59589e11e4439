"""Requests for access: asks the owners and admins, and carries out what one of them decides."""

import asyncio
import logging
from collections.abc import Callable

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ParseMode
from telegram.error import TelegramError
from telegram.ext import ContextTypes

from services.bot.access.names import name_of_role, title_of
from services.bot.access.origin import profile_of
from services.bot.access.standing import role_of_sender
from services.bot.telegram.callback_data import of_request, read_request
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.errors import words_of
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from shared.access import MANAGERS, Known, Profile, Role, may_change
from shared.store.access import Roles
from shared.store.people import People

log = logging.getLogger(__name__)

A_ROW = 2  # buttons


class Requests:
    """The cards in the owners' chats."""

    def __init__(self, roles: Roles, people: People, *, guest_pictures: int) -> None:
        """Keep cards.

        Attributes:
            managers_changed: Set when somebody became an owner or admin, or is none any more.
            blocked: Called with whom somebody has blocked, in a thread.
        """
        self.managers_changed = asyncio.Event()
        self.blocked: Callable[[int], None] | None = None
        self._roles = roles
        self._people = people
        self._guest_pictures = guest_pictures

    # Asking

    async def begin(self, whom: Profile) -> bool:
        """Claim the task to ask about somebody; False: they were asked about, or nobody can be asked now."""
        return await asyncio.to_thread(lambda: self._roles.has_owner() and self._roles.may_ask(whom.id))

    async def ask(self, bot: Bot, whom: Profile, by: Profile) -> None:
        """Show the owners and admins a card; ``begin`` has said that they are to be asked.

        Args:
            by: Who asks: the same person, or somebody in the group.
        """
        cards = []
        for manager in await asyncio.to_thread(self._roles.managers):
            card = await self._send_card(bot, manager, whom, by)
            cards += [card] if card is not None else []
        log.info("owners asked", extra={"id": whom.id, "cards": len(cards)})
        now = await asyncio.to_thread(self._roles.asked, whom.id, cards)
        if now.decided_at is not None:  # Somebody has decided while the others were asked.
            await self._close(bot, tuple(cards), whom, now.role, now.decided_by)

    async def _send_card(self, bot: Bot, manager: Known, whom: Profile, by: Profile) -> tuple[int, int] | None:
        language = await asyncio.to_thread(self._language_of, manager)
        sentence = "access_card_group" if whom.id < 0 else "access_card"
        text = say(sentence, language, name=title_of(whom), id=str(whom.id), by=title_of(by))
        try:
            sent = await bot.send_message(
                manager.id, text, parse_mode=ParseMode.HTML, reply_markup=self._buttons(whom, language)
            )
        except TelegramError as error:
            # They have never written to the bot, or have blocked it.
            log.warning("an owner not asked", extra={"user_id": manager.id, "error": words_of(error)})
            return None
        return manager.id, sent.message_id

    def _buttons(self, whom: Profile, language: str) -> InlineKeyboardMarkup:
        labels = {
            Role.MEMBER: say("button_access_member", language),
            Role.GUEST: say("button_access_guest", language, n=self._guest_pictures),
            Role.STRANGER: say("button_access_stranger", language),
            Role.BLOCKED: say("button_access_blocked", language),
        }
        if whom.id < 0:
            del labels[Role.GUEST]
        buttons = [
            InlineKeyboardButton(label, callback_data=of_request(whom.id, role)) for role, label in labels.items()
        ]
        return InlineKeyboardMarkup(in_rows(buttons, A_ROW))

    # Deciding

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Decide as the button says, if nobody has."""
        query = update.callback_query
        read = read_request(query.data) if query is not None else None
        if query is None or read is None:
            return
        language, (person_id, role) = query.from_user.language_code or "en", read
        whom = await asyncio.to_thread(self._roles.one, person_id)
        if not may_change(role_of_sender(), Role.STRANGER, role) or (whom.is_group and role is Role.GUEST):
            await acknowledge(query, say("access_not_allowed", language), alert=True)
            return
        by = profile_of(query.from_user)
        before = await asyncio.to_thread(self._roles.decide, whom.profile, role, by=by.id, only_waiting=True)
        await acknowledge(query, say("access_decided_already", language) if before is None else None)
        if before is not None:
            await self.settle(context.bot, before, role, by=by.id)
        if query.message is None or (query.message.chat.id, query.message.message_id) not in (before or whom).cards:
            now = await asyncio.to_thread(self._roles.one, whom.id)
            text = await asyncio.to_thread(self._outcome, now.profile, now.role, now.decided_by, language)
            await rewrite(context.bot, query, text, None)

    async def settle(self, bot: Bot, before: Known, role: Role, *, by: int | None) -> None:
        """Tell the applicant what was decided, close the cards that asked, and leave a group that is not let in."""
        log.info("role given", extra={"id": before.id, "role": str(role), "by": by})
        if MANAGERS & {before.role, role}:
            self.managers_changed.set()
        await self._close(bot, before.cards, before.profile, role, by)
        if by is not None:
            await self._tell(bot, before, role)
        if role is Role.BLOCKED and self.blocked is not None:
            await asyncio.to_thread(self.blocked, before.id)
        if before.is_group and role in {Role.STRANGER, Role.BLOCKED}:
            await leave(bot, before.id)

    async def close_unanswered(self, bot: Bot, group: Known) -> None:
        """Say in the cards that asked about a group that nobody has answered, and the group was left."""
        for chat_id, message_id in group.cards:
            language = await asyncio.to_thread(self._language, chat_id)
            text = say("access_left", language, name=title_of(group.profile), id=str(group.id))
            await _edit(bot, chat_id, message_id, text)

    async def _close(
        self, bot: Bot, cards: tuple[tuple[int, int], ...], whom: Profile, role: Role, by: int | None
    ) -> None:
        for chat_id, message_id in cards:
            language = await asyncio.to_thread(self._language, chat_id)
            text = await asyncio.to_thread(self._outcome, whom, role, by, language)
            await _edit(bot, chat_id, message_id, text)

    def _outcome(self, whom: Profile, role: Role, by: int | None, language: str) -> str:
        values = {"name": title_of(whom), "id": str(whom.id), "role": name_of_role(role, language)}
        if by is None:
            return say("access_settled_by_link", language, **values)
        return say("access_settled", language, **values, by=title_of(self._roles.one(by).profile))

    async def _tell(self, bot: Bot, before: Known, role: Role) -> None:
        """Tell somebody what was decided, once; who could use the bot before and can now is not told."""
        sentence = _news(before, role)
        if sentence is None or (role in {Role.STRANGER, Role.BLOCKED} and not await self._may_tell(before.id)):
            return
        language = await asyncio.to_thread(self._language_of, before)
        try:
            await bot.send_message(before.id, say(sentence, language, **self._values(sentence)), ParseMode.HTML)
        except TelegramError as error:
            log.info("not told what was decided", extra={"id": before.id, "error": words_of(error)})

    async def _may_tell(self, its_id: int) -> bool:
        return await asyncio.to_thread(self._roles.may_tell, its_id, again_after=None)

    def _values(self, sentence: str) -> dict[str, int]:
        return {"n": self._guest_pictures} if sentence == "access_trial" else {}

    def _language(self, person_id: int) -> str:
        return self._language_of(self._roles.one(person_id))

    def _language_of(self, known: Known) -> str:
        return self._people.preferences(known.id).language or known.profile.language


def _news(before: Known, role: Role) -> str | None:
    """What somebody is told of a new role; None: nothing. Pure."""
    if before.is_group:
        return {
            Role.MEMBER: "access_group_approved",
            Role.STRANGER: "access_group_denied",
            Role.BLOCKED: "access_group_denied",
        }.get(role)
    match role:
        case Role.STRANGER:
            return "access_denied"
        case Role.BLOCKED:
            return "access_blocked"
        case Role.GUEST:
            return "access_trial"
        case _:
            return "access_approved" if before.role in {Role.STRANGER, Role.BLOCKED} else None


async def leave(bot: Bot, chat_id: int) -> None:
    """Leave a group, if the bot is still in it."""
    try:
        await bot.leave_chat(chat_id)
    except TelegramError as error:
        log.info("group not left", extra={"chat_id": chat_id, "error": words_of(error)})


async def _edit(bot: Bot, chat_id: int, message_id: int, text: str) -> None:
    try:
        await bot.edit_message_text(text, chat_id, message_id, parse_mode=ParseMode.HTML)
    except TelegramError as error:
        # Not modified, or deleted meanwhile.
        log.info("card not closed", extra={"chat_id": chat_id, "error": words_of(error)})
