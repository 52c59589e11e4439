"""``/broadcast``: an owner's message to all who use the bot, after a preview; sent beside everything else."""

import asyncio
import logging
import re
from dataclasses import dataclass

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import ContextTypes, ExtBot

from services.bot.access.standing import role_of_sender
from services.bot.telegram.addresses import address_of, answer, sender_of
from services.bot.telegram.callback_data import CANCEL, SEND, STOP, of_broadcast, read_broadcast
from services.bot.telegram.callback_queries import acknowledge, is_shown
from services.bot.telegram.errors import Again, ChatGone, Refused, Sent, Unsure, after, words_of
from services.bot.telegram.flood_limit import ONCE, FloodLimit, Kind
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.outbox_relay import record
from services.bot.texts.locales import say
from services.health import Sign
from shared.access import Role
from shared.errors import StoreAway
from shared.store.access import Roles
from shared.store.broadcasts import Broadcast, Broadcasts, BroadcastState, Progress, Receipt

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0  # for what a terminal has started
TELL_EVERY_S = 3.0
ASK_AGAIN_S = 2.0  # for room, after somebody was put back
AT_ONCE = 10  # people
ROOM_WITHIN_S = 30.0  # who has to wait longer is put back: a claim is for a moment, and a stop is obeyed meanwhile
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


def read_text(html: str | None) -> str:
    """What stands after the command, with its looks, as Telegram HTML. Pure."""
    parts = re.split(r"\s", html or "", maxsplit=1)
    return parts[1].strip() if len(parts) > 1 else ""


class BroadcastCommand:
    """Shows owners what is about to be sent, starts it and stops it."""

    def __init__(self, broadcasts: Broadcasts, sender: "BroadcastSender") -> None:
        self._broadcasts = broadcasts
        self._sender = sender

    async def command(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer ``/broadcast TEXT``: show it as people will see it, and ask."""
        message = update.effective_message
        if message is None:
            return
        text, language = read_text(message.text_html), sender_of(message).language
        where = answer(address_of(message, context.bot.id))
        if not text:
            await context.bot.send_message(text=say("broadcast_how", language), **where)
            return
        try:
            await context.bot.send_message(text=text, link_preview_options=NO_PREVIEW, **where)
        except BadRequest as error:
            # With its looks, it can be longer than a message may be.
            log.info("broadcast not shown", extra={"error": words_of(error)})
            await context.bot.send_message(text=say("broadcast_not_taken", language), **where)
            return
        asked = await asyncio.to_thread(self._broadcasts.ask, text, by=sender_of(message).id)
        question = say("broadcast_ask", language, n=asked.people)
        await context.bot.send_message(text=question, reply_markup=_choice(asked.id, language), **where)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Send, cancel or stop, as the button says."""
        query = update.callback_query
        read = read_broadcast(query.data) if query is not None else None
        if query is None or read is None:
            return
        language = query.from_user.language_code or "en"
        if role_of_sender() is not Role.OWNER:
            await acknowledge(query, say("access_not_allowed", language), alert=True)
            return
        await acknowledge(query)
        message = query.message
        if message is None or not is_shown(query):
            return
        (number, choice), place = read, (message.chat.id, message.message_id)
        if choice == SEND:
            await asyncio.to_thread(self._broadcasts.start, number, message=place)
            self._sender.changed()
        else:
            await asyncio.to_thread(self._broadcasts.stop, number)
        now = await asyncio.to_thread(self._broadcasts.read, number)
        if now is not None:
            progress = await asyncio.to_thread(self._broadcasts.progress, number)
            await _show(context.bot, place, tell(now, progress, language))


@dataclass(frozen=True, slots=True)
class Told:
    """What a progress message says."""

    text: str
    keyboard: InlineKeyboardMarkup | None


def tell(broadcast: Broadcast, progress: Progress, language: str) -> Told:
    """How it goes, as Telegram HTML; with a button that stops it while it runs. Pure."""
    if broadcast.state is BroadcastState.STOPPED and not progress.counts:
        return Told(say("broadcast_cancelled", language), None)
    heads = {
        BroadcastState.ASKED: "broadcast_running",
        BroadcastState.RUNNING: "broadcast_running",
        BroadcastState.STOPPED: "broadcast_stopped",
        BroadcastState.FINISHED: "broadcast_finished",
    }
    lines = [
        say(heads[broadcast.state], language),
        say(
            "broadcast_counts",
            language,
            sent=progress.of(Receipt.SENT),
            people=broadcast.people,
            gone=progress.of(Receipt.UNREACHABLE),
        ),
    ]
    if others := progress.of(Receipt.UNSURE, Receipt.REFUSED):
        lines.append(say("broadcast_others", language, count=others))
    stop = InlineKeyboardButton(say("button_broadcast_stop", language), callback_data=of_broadcast(broadcast.id, STOP))
    is_running = broadcast.state is BroadcastState.RUNNING
    return Told("\n".join(lines), InlineKeyboardMarkup([[stop]]) if is_running else None)


def _choice(number: int, language: str) -> InlineKeyboardMarkup:
    buttons = [
        InlineKeyboardButton(say("button_broadcast_send", language), callback_data=of_broadcast(number, SEND)),
        InlineKeyboardButton(say("button_broadcast_cancel", language), callback_data=of_broadcast(number, CANCEL)),
    ]
    return InlineKeyboardMarkup([buttons])


class BroadcastSender:
    """Sends what was started, a few at a time, and only where nobody else waits for Telegram."""

    def __init__(self, bot: ExtBot[int], broadcasts: Broadcasts, roles: Roles, limit: FloodLimit) -> None:
        self._bot = bot
        self._broadcasts = broadcasts
        self._roles = roles
        self._limit = limit
        self._news = asyncio.Event()
        self._told_at = 0.0
        self._paused_until = 0.0

    @property
    def pause_s(self) -> float:
        """Seconds for which Telegram wants to hear nothing of this; at most 0: none."""
        return self._paused_until - asyncio.get_running_loop().time()

    def changed(self) -> None:
        """Take note that something may be to send."""
        self._news.set()

    async def keep_sending(self, sign: Sign) -> None:
        """Send, and go on with what a process before this one left. Runs until cancelled."""
        while True:
            self._news.clear()
            is_at_work = False
            try:
                is_at_work = await self.send_some()
                sign.done()
            except StoreAway as error:
                sign.tried()
                log.warning("broadcast interrupted", extra={"error": str(error)})
            if not is_at_work:
                left = self.pause_s
                await wait_for_news(self._news, left if 0 < left < LOOK_EVERY_S else LOOK_EVERY_S)

    async def send_some(self) -> bool:
        """Send to some people; False where there is nobody to send to now.

        A pause that Telegram asks for is not waited for here: it can last for hours, and the duty would seem to hang.
        """
        if self.pause_s > 0:
            return False
        broadcast = await asyncio.to_thread(self._broadcasts.running)
        if broadcast is None:
            return False
        people = await asyncio.to_thread(self._broadcasts.claim, broadcast.id, limit=AT_ONCE)
        waits = await asyncio.gather(*(self._send_to(broadcast, one) for one in people))
        if not people and await asyncio.to_thread(self._broadcasts.finish, broadcast.id):
            log.info("broadcast finished", extra={"broadcast_id": broadcast.id, "people": broadcast.people})
        await self._tell(broadcast.id, at_once=not people)
        self._paused_until = asyncio.get_running_loop().time() + max(waits, default=0.0)
        return bool(people)

    async def _send_to(self, broadcast: Broadcast, person: int) -> float:
        """Send to one, and note what became of it; returns for how many seconds Telegram asks to wait."""
        if not await self._room_for(person):
            await asyncio.to_thread(self._broadcasts.note, broadcast.id, person, Receipt.WAITING)
            return ASK_AGAIN_S
        receipt, seconds = Receipt.SENT, 0.0
        try:
            await self._bot.send_message(
                person,
                broadcast.text,
                parse_mode=ParseMode.HTML,
                link_preview_options=NO_PREVIEW,
                rate_limit_args=ONCE,
            )
        except TelegramError as error:
            receipt, seconds = receipt_of(error)
            fields = {"broadcast_id": broadcast.id, "user_id": person, "error": words_of(error)}
            log.info("broadcast not sent to somebody", extra=fields | {"receipt": str(receipt)})
        await record(self._broadcasts.note, broadcast.id, person, receipt)
        return seconds

    async def _room_for(self, person: int) -> bool:
        """Wait until a message is welcome in somebody's chat; False where that takes too long."""
        ends_at = asyncio.get_running_loop().time() + ROOM_WITHIN_S
        while wait := self._limit.room_in_s(person, Kind.DRAFT):
            if asyncio.get_running_loop().time() + wait > ends_at:
                return False
            await asyncio.sleep(wait)
        return True

    async def _tell(self, broadcast_id: int, *, at_once: bool) -> None:
        """Say how it goes, every few seconds, and at the end."""
        now = asyncio.get_running_loop().time()
        if not at_once and now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        broadcast = await asyncio.to_thread(self._broadcasts.read, broadcast_id)
        if broadcast is None or broadcast.message is None:
            return
        progress = await asyncio.to_thread(self._broadcasts.progress, broadcast_id)
        owner = await asyncio.to_thread(self._roles.one, broadcast.message[0])
        await _show(self._bot, broadcast.message, tell(broadcast, progress, owner.profile.language))


def receipt_of(error: TelegramError) -> tuple[Receipt, float]:
    """What a failed call means for one person, and the seconds to wait before anybody else. Pure."""
    match after(error, tries=1):
        case Sent():
            return Receipt.SENT, 0.0
        case Again() if isinstance(error, BadRequest | Forbidden):
            return Receipt.REFUSED, 0.0  # An error that nobody knows is not tried on all people in turn.
        case Again(seconds):
            return Receipt.WAITING, seconds
        case Unsure(seconds):
            return Receipt.UNSURE, seconds
        case ChatGone():
            return Receipt.UNREACHABLE, 0.0
        case Refused():
            return Receipt.REFUSED, 0.0


async def _show(bot: Bot, place: tuple[int, int], told: Told) -> None:
    try:
        await bot.edit_message_text(told.text, *place, parse_mode=ParseMode.HTML, reply_markup=told.keyboard)
    except TelegramError as error:
        # Not modified, deleted meanwhile, or the next time.
        log.info("progress of a broadcast not shown", extra={"error": words_of(error)})
