"""``/users``, ``/ban``, ``/unban`` and ``/role``: owners and admins see who may use the bot, and change it."""

import asyncio
import re
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity, MessageOriginUser, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from services.bot.access.names import label_of, name_of_role, standing_of, title_of
from services.bot.access.origin import profile_of, profile_of_chat
from services.bot.access.requests import Requests
from services.bot.access.standing import role_of_sender
from services.bot.locales import say
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.callback_queries import acknowledge, rewrite
from services.bot.texts.button_rows import in_rows
from services.bot.texts.paging import MARK, Part
from shared.access import OF_GROUPS, Known, Profile, Role, may_change
from shared.errors import LastOwner, OwnerBySettings
from shared.store.access import ORDER, Roles

A_PAGE, A_ROW = 8, 2  # people, buttons
MAX_SEARCH_BYTES = 40  # in a button's data, which has 64
LIST_PRESSES = re.compile(r"^users @(\d{1,4}) (.*)$", re.ASCII | re.DOTALL)
PERSON_PRESSES = re.compile(rf"^user (-?\d{{1,18}}) (show|{'|'.join(Role)})$", re.ASCII)
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


def read_wish(message: Message, words: list[str], bot_id: int) -> Wish:
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
    """Shows whom the bot knows, and gives roles. The role of whoever asks counts, read before each update."""

    def __init__(self, roles: Roles, requests: Requests) -> None:
        self._roles = roles
        self._requests = requests

    # The list

    async def users(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/users`` and ``/users ada``."""
        message = update.effective_message
        if message is None:
            return
        text, keyboard = await self._page(0, " ".join(context.args or []), sender_of(message).language)
        where = answer(address_of(message, context.bot.id))
        await context.bot.send_message(text=text, reply_markup=keyboard, **where)

    async def turn(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Turn a page."""
        query = update.callback_query
        read = LIST_PRESSES.fullmatch(query.data or "") if query is not None else None
        if query is None or read is None or not await self._is_allowed(update):
            return
        await acknowledge(query)
        text, keyboard = await self._page(int(read[1]), read[2], query.from_user.language_code or "en")
        await rewrite(context.bot, query, text, keyboard)

    async def _page(self, number: int, search: str, language: str) -> tuple[str, InlineKeyboardMarkup]:
        search = search.encode()[:MAX_SEARCH_BYTES].decode(errors="ignore")
        people, count = await asyncio.to_thread(self._roles.page, search, first=number * A_PAGE, most=A_PAGE)
        pages = max(1, -(-count // A_PAGE))
        if number >= pages:
            return await self._page(pages - 1, search, language)
        rows = [[InlineKeyboardButton(label_of(one), callback_data=f"user {one.id} show")] for one in people]
        turns = Part(people, number, pages).turns(lambda choice: f"users {choice} {search}")
        keyboard = InlineKeyboardMarkup([*rows, turns] if turns else rows)
        return say("access_users", language, n=count), keyboard

    # One person

    async def person(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Show somebody, or give them the role that the button names."""
        query = update.callback_query
        read = PERSON_PRESSES.fullmatch(query.data or "") if query is not None else None
        if query is None or read is None or not await self._is_allowed(update):
            return
        language = query.from_user.language_code or "en"
        known = await asyncio.to_thread(self._roles.one, int(read[1]))
        if read[2] != "show":
            try:
                await self._give(known, Role(read[2]), query.from_user.id, context)
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
            InlineKeyboardButton(name_of_role(one, language), callback_data=f"user {its_id} {one}")
            for one in possible
            if not known.is_group or one in OF_GROUPS
        ]
        back = [InlineKeyboardButton(say("button_access_back", language), callback_data=f"users {MARK}0 ")]
        return self._describe(known, language), InlineKeyboardMarkup([*in_rows(buttons, A_ROW), back])

    @staticmethod
    def _describe(known: Known, language: str) -> str:
        standing = standing_of(known, language)
        return say("access_person", language, name=title_of(known.profile), id=str(known.id), role=standing)

    # Commands

    async def ban(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/ban``: somebody may not use the bot any more."""
        await self._command(update, context, "ban", Role.BLOCKED)

    async def unban(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/unban``: somebody who was blocked is let in."""
        await self._command(update, context, "unban", Role.MEMBER)

    async def role(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/role``: somebody gets a role, or is shown."""
        await self._command(update, context, "role", None)

    async def _command(
        self, update: Update, context: ContextTypes.DEFAULT_TYPE, command: str, role: Role | None
    ) -> None:
        message = update.effective_message
        if message is None:
            return
        sender, where = sender_of(message), answer(address_of(message, context.bot.id))
        wish = read_wish(message, context.args or [], context.bot.id)
        known = await asyncio.to_thread(self._find, wish)
        if known is None:
            example = f"/{command} @name" + (" admin" if command == "role" else "")
            await context.bot.send_message(text=say("access_whom", sender.language, example=example), **where)
            return
        role = role or _role_named(wish.rest)
        try:
            if role is not None and (command != "unban" or known.role is Role.BLOCKED):
                await self._give(known, role, sender.id, context)
        except Unwanted as refusal:
            await context.bot.send_message(text=say(str(refusal), sender.language), **where)
            return
        text, keyboard = await self._card(known.id, sender.language)
        # In a group the buttons would be everybody's to look at.
        shown = keyboard if message.chat.type == ChatType.PRIVATE else None
        await context.bot.send_message(text=text, reply_markup=shown, **where)

    def _find(self, wish: Wish) -> Known | None:
        if wish.profile is not None:
            return self._roles.look([wish.profile.id]).get(wish.profile.id) or Known(wish.profile)
        if wish.named.startswith("@"):
            return self._roles.named(wish.named)
        return self._roles.one(int(wish.named)) if wish.named and int(wish.named) else None

    async def _give(self, known: Known, role: Role, by: int, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Give a role, and tell them.

        Raises:
            Unwanted: It can't be given, or not by whoever asks.
        """
        if not may_change(role_of_sender(), known.role, role) or (known.is_group and role not in OF_GROUPS):
            raise Unwanted("access_not_allowed")
        try:
            before = await asyncio.to_thread(self._roles.decide, known.profile, role, by=by)
        except (LastOwner, OwnerBySettings) as error:
            raise Unwanted(error.reason) from error
        if before is not None:
            await self._requests.settle(context.bot, before, role, by=by)


def _role_named(word: str) -> Role | None:
    return Role(word.lower()) if word.lower() in set(Role) else None
