"""``/stats``: pictures, times and cost over some days, as a chart with its numbers, for owners and admins."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto, Message, Update
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest
from telegram.ext import ContextTypes

from services.bot.access.standing import is_from_manager
from services.bot.telegram.addresses import answer
from services.bot.telegram.callback_data import of_stats
from services.bot.telegram.callback_data import read_stats as read_stats_press
from services.bot.telegram.callback_queries import acknowledge, is_shown
from services.bot.telegram.chat_actions import chat_action
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration, money
from services.stats.drawing import Charts, NotDrawn
from shared.store.database import Database
from shared.store.stats import MAX_DAYS, Stats, Times, read_stats

log = logging.getLogger(__name__)

SPANS = (7, 30, 90)  # days
USUAL = 30
MAX_REASONS = 3
MAX_CAPTION = 1024  # characters


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown."""

    days: int
    dark: bool = False


def read_view(words: Sequence[str]) -> View:
    """Read ``/stats 90 dark``; what is not understood is left out. Pure."""
    numbers = [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 4]
    return View(min(max(numbers[0], 1), MAX_DAYS) if numbers else USUAL, "dark" in words)


class StatsCommand:
    """Shows the chart, and changes what it shows."""

    def __init__(self, database: Database, charts: Charts | None = None) -> None:
        self._database = database
        self._charts = charts or Charts()

    @for_message
    async def command(self, asked: Incoming) -> None:
        """Answer ``/stats`` and ``/stats 90 dark``."""
        view, language = read_view(asked.arguments), asked.language
        async with chat_action(asked.bot, ChatAction.UPLOAD_PHOTO, asked.address.chat_id, asked.address.topic_id):
            png, text = await asyncio.to_thread(self._make, view, language)
        keyboard = buttons(view, language)
        if png is None:
            await asked.answer(text)
        else:
            where = answer(asked.address)
            await asked.bot.send_photo(photo=png, caption=text, reply_markup=keyboard, filename="stats.png", **where)

    async def press(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Show other days, or other colours, in the same message."""
        query = update.callback_query
        read = read_stats_press(query.data) if query is not None else None
        if query is None or read is None:
            return
        language = query.from_user.language_code or "en"
        if not is_from_manager():
            await acknowledge(query, say("access_not_allowed", language), alert=True)
            return
        await acknowledge(query)
        if not isinstance(query.message, Message) or not is_shown(query):
            return
        view = View(min(max(read[0], 1), MAX_DAYS), read[1])
        chat_id, topic_id = query.message.chat.id, query.message.message_thread_id
        async with chat_action(context.bot, ChatAction.UPLOAD_PHOTO, chat_id, topic_id):
            png, text = await asyncio.to_thread(self._make, view, language)
        if png is None:
            return
        media = InputMediaPhoto(png, caption=text, parse_mode=ParseMode.HTML, filename="stats.png")
        try:
            await context.bot.edit_message_media(
                media, chat_id, query.message.message_id, reply_markup=buttons(view, language)
            )
        except BadRequest as error:
            # Deleted meanwhile, or the same once more.
            log.info("chart not changed", extra={"error": error.message})

    def _make(self, view: View, language: str) -> tuple[bytes | None, str]:
        stats = read_stats(self._database, view.days)
        text = tell(stats, language)
        try:
            return self._charts.draw(stats, dark=view.dark), text
        except NotDrawn as error:
            log.warning("chart not drawn", extra={"error": str(error)})
            return None, f"{say('stats_not_drawn', language)}\n\n{text}"


def buttons(view: View, language: str) -> InlineKeyboardMarkup:
    """Other spans, and the other colours. Pure."""
    spans = [
        InlineKeyboardButton(say("button_stats_days", language, n=days), callback_data=of_stats(days, dark=view.dark))
        for days in SPANS
        if days != view.days
    ]
    other = InlineKeyboardButton(
        say("button_stats_light" if view.dark else "button_stats_dark", language),
        callback_data=of_stats(view.days, dark=not view.dark),
    )
    return InlineKeyboardMarkup([[*spans, other]])


def tell(stats: Stats, language: str) -> str:
    """The numbers, as Telegram HTML that fits a caption. Pure."""
    cost = money(stats.total("cost"), language)
    lines = [
        say("stats_title", language, n=len(stats.days)),
        say(
            "stats_pictures",
            language,
            finished=stats.total("finished"),
            failed=stats.total("failed"),
            people=stats.people,
        ),
        *(
            say("stats_reason", language, reason=reason, times=times)
            for reason, times in list(stats.reasons.items())[:MAX_REASONS]
        ),
        *_times("stats_waiting", stats.waiting, language),
        *_times("stats_painting", stats.painting, language),
        say("stats_cost", language, cost=cost, pictures=money(stats.total("of_calls"), language)),
        *(
            say("stats_model", language, model=one.model, pictures=one.pictures, cost=money(one.cost, language))
            for one in stats.models
        ),
    ]
    while len("\n".join(lines)) > MAX_CAPTION:
        lines.pop()
    return "\n".join(lines)


def _times(sentence: str, times: Times | None, language: str) -> list[str]:
    if times is None:
        return []
    return [say(sentence, language, half=duration(times.p50, language), most=duration(times.p95, language))]
