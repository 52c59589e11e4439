"""``/users``, ``/ban``, ``/unban`` and ``/role``: owners and admins see who may use the bot, and change it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity, MessageOriginUser, Update
from telegram.ext import ContextTypes

from services.bot.access.names import label_of, name_of_role, standing_of, title_of
from services.bot.access.origin import profile_of, profile_of_chat
from services.bot.access.requests import Requests
from services.bot.access.standing import role_of_sender
from services.bot.telegram.callback_data import of_person, of_users, read_person, read_users
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.button_rows import in_rows
from services.bot.texts.locales import say
from services.bot.texts.paging import MARK, Part
from shared.access import OF_GROUPS, Known, Profile, Role, may_change
from shared.errors import LastOwner, OwnerBySettings
from shared.store.access import ORDER, Roles

A_PAGE, A_ROW = 8, 2  # people, buttons
MAX_SEARCH_BYTES = 40  # in a button's data, which has 64
_ID = re.compile(r"-?\d{1,18}", re.ASCII)


class Unwanted(Exception):
    """Somebody's role can't be changed so; the message is the sentence's name."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a command names, and what it says beside that.

    Attributes:
        profile: As Telegram tells it, in a reply or a mention.
        named: An @name or an id, as it was typed.
    """

    profile: Profile | None
    named: str
    rest: str


def read_wish(message: Message, words: Sequence[str], bot_id: int) -> Wish:
    """Read ``/role @name admin``, or ``/role admin`` in reply. Pure."""
    mentioned = message.parse_entities([MessageEntity.TEXT_MENTION])
    for entity, text in mentioned.items():
        if entity.user is not None:
            return Wish(profile_of(entity.user), "", " ".join(words).replace(text, "").strip())
    if words and (words[0].startswith("@") or _ID.fullmatch(words[0])):
        return Wish(None, words[0], " ".join(words[1:]))
    return Wish(_replied_to(message, bot_id), "", " ".join(words))


def _replied_to(message: Message, bot_id: int) -> Profile | None:
    """Who wrote the message that is replied to, or from whom it was forwarded."""
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created is not None:
        return None
    if isinstance(replied.forward_origin, MessageOriginUser):
        return profile_of(replied.forward_origin.sender_user)
    if replied.sender_chat is not None:
        return profile_of_chat(replied.sender_chat, "en")
    return profile_of(replied.from_user) if replied.from_user and replied.from_user.id != bot_id else None


class Members:
    """Shows whom the bot knows, and gives roles. The role of the sender counts, read before each update."""

    def __init__(self, roles: Roles, requests: Requests) -> None:
        self._roles = roles
        self._requests = requests

    # The list

    @for_message
    async def users(self, asked: Incoming) -> None:
        """Answer ``/users`` and ``/users ada``."""
        text, keyboard = await self._page(0, " ".join(asked.arguments), asked.language)
        await asked.answer(text, keyboard)

    async def turn(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn a page."""
        query = update.callback_query
        read = read_users(query.data) if query is not None else None
        if query is None or read is None or not await self._is_allowed(update):
            return
        await acknowledge(query)
        text, keyboard = await self._page(*read, query.from_user.language_code or "en")
        await rewrite(context.bot, query, text, keyboard)

    async def _page(self, number: int, search: str, language: str) -> tuple[str, InlineKeyboardMarkup]:
        search = search.encode()[:MAX_SEARCH_BYTES].decode(errors="ignore")
        people, count = await asyncio.to_thread(self._roles.page, search, first=number * A_PAGE, limit=A_PAGE)
        pages = max(1, -(-count // A_PAGE))
        if number >= pages:
            return await self._page(pages - 1, search, language)
        rows = [[InlineKeyboardButton(label_of(one), callback_data=of_person(one.id))] for one in people]
        turns = Part(people, number, pages).turns(lambda turn: of_users(turn, search))
        keyboard = InlineKeyboardMarkup([*rows, turns] if turns else rows)
        return say("access_users", language, n=count), keyboard

    # One person

    async def person(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Show somebody, or give them the role that the button names."""
        query = update.callback_query
        read = read_person(query.data) if query is not None else None
        if query is None or read is None or not await self._is_allowed(update):
            return
        person_id, role = read
        language = query.from_user.language_code or "en"
        known = await asyncio.to_thread(self._roles.one, person_id)
        if role is not None:
            try:
                await self._give(known, role, query.from_user.id, context.bot)
            except Unwanted as refusal:
                await acknowledge(query, say(str(refusal), language), alert=True)
                return
        await acknowledge(query)
        text, keyboard = await self._card(known.id, language)
        await rewrite(context.bot, query, text, keyboard, thing=lambda data: data.partition(" ")[0].rstrip("s"))

    async def _is_allowed(self, update: Update) -> bool:
        query = update.callback_query
        if query is not None and not may_change(role_of_sender(), Role.STRANGER, Role.MEMBER):
            await acknowledge(query, say("access_not_allowed", query.from_user.language_code or "en"), alert=True)
            return False
        return True

    async def _card(self, its_id: int, language: str) -> tuple[str, InlineKeyboardMarkup]:
        known, by = await asyncio.to_thread(self._roles.one, its_id), role_of_sender()
        possible = [one for one in ORDER if one is not known.role and may_change(by, known.role, one)]
        buttons = [
            InlineKeyboardButton(name_of_role(one, language), callback_data=of_person(its_id, one))
            for one in possible
            if not known.is_group or one in OF_GROUPS
        ]
        back = [InlineKeyboardButton(say("button_access_back", language), callback_data=of_users(f"{MARK}0"))]
        return self._describe(known, language), InlineKeyboardMarkup([*in_rows(buttons, A_ROW), back])

    @staticmethod
    def _describe(known: Known, language: str) -> str:
        standing = standing_of(known, language)
        return say("access_person", language, name=title_of(known.profile), id=str(known.id), role=standing)

    # Commands

    @for_message
    async def ban(self, asked: Incoming) -> None:
        """Answer ``/ban``: somebody may not use the bot any more."""
        await self._command(asked, "ban", Role.BLOCKED)

    @for_message
    async def unban(self, asked: Incoming) -> None:
        """Answer ``/unban``: a blocked person is let in."""
        await self._command(asked, "unban", Role.MEMBER)

    @for_message
    async def role(self, asked: Incoming) -> None:
        """Answer ``/role``: somebody gets a role, or is shown."""
        await self._command(asked, "role", None)

    async def _command(self, asked: Incoming, command: str, role: Role | None) -> None:
        wish = read_wish(asked.message, asked.arguments, asked.bot.id)
        known = await asyncio.to_thread(self._find, wish)
        if known is None:
            example = f"/{command} @name" + (" admin" if command == "role" else "")
            await asked.answer(say("access_whom", asked.language, example=example))
            return
        role = role or _role_named(wish.rest)
        try:
            if role is not None and (command != "unban" or known.role is Role.BLOCKED):
                await self._give(known, role, asked.sender.id, asked.bot)
        except Unwanted as refusal:
            await asked.answer(say(str(refusal), asked.language))
            return
        text, keyboard = await self._card(known.id, asked.language)
        # In a group the buttons would be everybody's to look at.
        await asked.answer(text, keyboard if asked.address.private else None)

    def _find(self, wish: Wish) -> Known | None:
        if wish.profile is not None:
            return self._roles.look([wish.profile.id]).get(wish.profile.id) or Known(wish.profile)
        if wish.named.startswith("@"):
            return self._roles.named(wish.named)
        return self._roles.one(int(wish.named)) if wish.named and int(wish.named) else None

    async def _give(self, known: Known, role: Role, by: int, bot: Bot) -> None:
        """Give a role, and tell them.

        Raises:
            Unwanted: It can't be given, or not by the sender.
        """
        if not may_change(role_of_sender(), known.role, role) or (known.is_group and role not in OF_GROUPS):
            raise Unwanted("access_not_allowed")
        try:
            before = await asyncio.to_thread(self._roles.decide, known.profile, role, by=by)
        except (LastOwner, OwnerBySettings) as error:
            raise Unwanted(error.reason) from error
        if before is not None:
            await self._requests.settle(bot, before, role, by=by)


def _role_named(word: str) -> Role | None:
    return Role(word.lower()) if word.lower() in set(Role) else None
