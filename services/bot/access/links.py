"""Links that let people in: ``https://t.me/BOT?start=claim-…`` and ``…?start=invite-…``; ``/invite`` makes them."""

import asyncio
import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from telegram import Bot, Message
from telegram.constants import ChatType
from telegram.error import TelegramError
from telegram.helpers import create_deep_linked_url

from services.bot.access.requests import Requests
from services.bot.access.standing import role_of_sender
from services.bot.telegram.addresses import address_of, answer
from services.bot.telegram.errors import words_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration
from shared.access import Mode, Profile, Role
from shared.settings import BotSettings
from shared.store.access_links import GIVES, AccessLinks, LinkKind

log = logging.getLogger(__name__)

_LINK = re.compile(r"/start(?:@\w+)? (claim|invite)-([A-Za-z0-9_-]{16,57})")
_WISH = re.compile(r"(?:(\d{1,4})(?:\s+|$))?(?:(\d{1,3})\s?([hdw]))?", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
USUAL_USES, USUAL_TIME = 1, timedelta(days=7)
MAX_USES, LONGEST = 1_000, timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Invitation:
    """How many people a link lets in, and for how long."""

    uses: int = USUAL_USES
    lasts: timedelta = USUAL_TIME


def read_invitation(words: str) -> Invitation | None:
    """Read ``5 7d``; each may be missing. None: it can't be understood, or is out of range."""
    read = _WISH.fullmatch(words.strip())
    if read is None:
        return None
    uses = int(read[1]) if read[1] else USUAL_USES
    lasts = int(read[2]) * _UNITS[read[3]] if read[2] else USUAL_TIME
    return Invitation(uses, lasts) if 0 < uses <= MAX_USES and timedelta() < lasts <= LONGEST else None


def link_in(message: Message | None) -> tuple[LinkKind, str] | None:
    """The kind and code of a link that a private message opens."""
    if message is None or message.chat.type != ChatType.PRIVATE:
        return None
    read = _LINK.fullmatch(message.text or "")
    return (LinkKind(read[1]), read[2]) if read else None


def url_of(username: str, kind: LinkKind, code: str) -> str:
    """The link for people to open."""
    return create_deep_linked_url(username, f"{kind}-{code}")


class Links:
    """Makes links, and lets people in by them."""

    def __init__(self, links: AccessLinks, requests: Requests) -> None:
        self._links = links
        self._requests = requests

    async def redeem(self, message: Message | None, profile: Profile, bot: Bot) -> bool:
        """Let somebody in whose message opens a link, and tell them; False: there is none, or it gives nothing."""
        link = link_in(message)
        if message is None or link is None:
            return False
        kind, code = link
        before = await asyncio.to_thread(self._links.redeem, kind, code, profile)
        if before is None:
            return False
        log.info("let in by a link", extra={"kind": str(kind), "user_id": profile.id})
        text = say("access_claimed" if kind is LinkKind.CLAIM else "access_approved", profile.language)
        try:
            await bot.send_message(text=text, **answer(address_of(message, bot.id)))
        except TelegramError as error:
            log.info("not told to be let in", extra={"user_id": profile.id, "error": words_of(error)})
        await self._requests.settle(bot, before, GIVES[kind], by=None)
        return True

    @for_message
    async def invite(self, asked: Incoming) -> None:
        """Answer ``/invite 5 7d`` with a link."""
        language = asked.language
        if role_of_sender() is not Role.OWNER:
            await asked.answer(say("access_not_allowed", language))
            return
        wish = read_invitation(" ".join(asked.arguments))
        text = say("access_invite_usage", language)
        if wish is not None:
            code = await asyncio.to_thread(self._links.invite, uses=wish.uses, lasts=wish.lasts, by=asked.sender.id)
            link = url_of(asked.bot.username, LinkKind.INVITE, code)
            how_long = duration(wish.lasts.total_seconds(), language)
            text = say("access_invite", language, n=wish.uses, duration=how_long, link=link)
        await asked.answer(text)


async def say_who_may_use_it(settings: BotSettings, claims: AccessLinks, username: str) -> None:
    """Tell the owner what only the log can tell: that anybody is let in, or that nobody owns the bot yet.

    Raises:
        StoreAway: The database does not answer.
    """
    if not settings.is_for_real:
        return
    if settings.access is Mode.OPEN:
        log.warning("anybody may use this bot, and its owner pays", extra={"G2D_ACCESS": str(Mode.OPEN)})
    code = await asyncio.to_thread(claims.claim)
    if code is not None:
        link = url_of(username, LinkKind.CLAIM, code)
        log.warning("nobody owns this bot yet: open the link in Telegram within ten minutes", extra={"link": link})
