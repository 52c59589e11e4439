"""``@bot fox`` in any chat: finds one's own pictures, and leads to the private chat to have a new one made."""

import asyncio
import html
import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultCachedDocument,
    InlineQueryResultCachedPhoto,
    InlineQueryResultsButton,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest
from telegram.ext import ContextTypes

from services.bot.pictures.captions import idea_of
from services.bot.pictures.imagine import Imagine, Material
from services.bot.telegram import start_links
from services.bot.telegram.errors import words_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from services.bot.texts.utf16 import shorten
from shared.catalogue import name_of
from shared.history import MAX_SEARCH, Wanted
from shared.jobs import Job
from shared.store.history import History
from shared.store.inline_ideas import InlineIdeas

log = logging.getLogger(__name__)

A_PAGE = 20  # results; Telegram takes 50
LOOKS = 10  # pages of pictures that Telegram does not know, as those that came in a ZIP
CACHE_S = 5  # what is found may be another a moment later
MAX_TITLE, MAX_DESCRIPTION, MAX_CAPTION = 60, 120, 600  # UTF-16 units
_PARAMETERS = re.compile(r"(?:^|\s)(?:--|—|–)\w.*$")  # of an idea; no picture is found by them
_WITH_CAPTION = re.compile(r"(?:^|\s)(?:--|—|–)caption(?=\s|$)", re.IGNORECASE)


class FileType(IntEnum):
    """With what Telegram's file ids begin."""

    OTHER = 0
    PHOTO = 2
    DOCUMENT = 5


Result: TypeAlias = InlineQueryResultCachedPhoto | InlineQueryResultCachedDocument


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed after the bot's name.

    Attributes:
        words: What pictures are looked for by.
        idea: All of it, for a new picture.
        before: The picture after which the results go on; None from the newest on.
    """

    words: str
    idea: str
    with_caption: bool
    before: int | None


def read_query(text: str, offset: str) -> Asked:
    """Read ``red fox --caption``. Pure."""
    idea = " ".join(_WITH_CAPTION.sub(" ", text).split())
    words = _PARAMETERS.sub("", idea)[:MAX_SEARCH]
    is_number = offset.isascii() and offset.isdecimal() and len(offset) < 19
    return Asked(words, idea, _WITH_CAPTION.search(text) is not None, int(offset) if is_number else None)


def result_of(job: Job, *, with_caption: bool) -> Result | None:
    """A picture as Telegram offers it; None where Telegram does not know it. Pure."""
    title = shorten(idea_of(job), MAX_TITLE)
    model = name_of(job.recipe.model) if job.recipe is not None else None
    caption = None
    if with_caption:
        said = f"<b>{html.escape(shorten(idea_of(job), MAX_CAPTION), quote=False)}</b>"
        caption = f"{said}\n{html.escape(model, quote=False)}" if model else said
    description = shorten(job.prompt.text, MAX_DESCRIPTION) if job.prompt is not None else model
    match _kind_of(job.file_id or ""):
        case FileType.PHOTO:
            return InlineQueryResultCachedPhoto(
                str(job.id), str(job.file_id), title=title, description=description, caption=caption,
                parse_mode=ParseMode.HTML,
            )  # fmt: skip
        case FileType.DOCUMENT:
            return InlineQueryResultCachedDocument(
                str(job.id), title, str(job.file_id), description=description, caption=caption,
                parse_mode=ParseMode.HTML,
            )  # fmt: skip
    return None


def _kind_of(file_id: str) -> FileType:
    """The type of a file, which is the first byte of its id."""
    try:
        return FileType(urlsafe_b64decode(file_id[:4])[0])
    except (ValueError, IndexError):
        return FileType.OTHER


class InlineHandler:
    """Answers inline queries, and takes in the ideas that they led to the private chat with."""

    def __init__(self, history: History, ideas: InlineIdeas, imagine: Imagine) -> None:
        self._history = history
        self._ideas = ideas
        self._imagine = imagine

    async def answer(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Offer the pictures of the person who types, and nobody else's."""
        query = update.inline_query
        if query is None:
            return
        asked = read_query(query.query, query.offset)
        wanted = Wanted(context.bot.id, query.from_user.id, asked.words)
        results, next_offset = await asyncio.to_thread(self._find, wanted, asked)
        button = await self._button(query, asked.idea) if not results and asked.before is None else None
        try:
            await _answer(query, results, button, next_offset)
        except BadRequest as error:
            log.warning("inline query refused", extra={"user_id": query.from_user.id, "error": words_of(error)})

    def _find(self, wanted: Wanted, asked: Asked) -> tuple[list[Result], str]:
        """A page of results, and where the next one begins; pictures that Telegram does not know are passed over."""
        before, results = asked.before, list[Result]()
        for _ in range(LOOKS):
            jobs = self._history.page(wanted, before=before, limit=A_PAGE)
            results = [found for job in jobs if (found := result_of(job, with_caption=asked.with_caption)) is not None]
            if len(jobs) < A_PAGE:
                return results, ""
            before = jobs[-1].id
            if results:
                break
        return results, str(before)

    async def _button(self, query: InlineQuery, idea: str) -> InlineQueryResultsButton:
        language = query.from_user.language_code or "en"
        if not idea:
            return InlineQueryResultsButton(say("inline_none", language), start_parameter=start_links.FIRST_PICTURE)
        code = await asyncio.to_thread(self._ideas.keep, query.from_user.id, idea)
        return InlineQueryResultsButton(say("inline_create", language), start_parameter=f"{start_links.IDEA}{code}")

    @for_message
    async def start(self, asked: Incoming) -> None:
        """Answer ``/start idea-…``: have the idea painted that nobody had found, and offer the way back."""
        code = (asked.arguments[0] if asked.arguments else "").removeprefix(start_links.IDEA)
        idea = await asyncio.to_thread(self._ideas.read, asked.sender.id, code)
        if idea is None:
            await asked.answer(say("inline_forgotten", asked.language))
            return
        await self._imagine.take_in(idea, asked, Material(None, None))
        back = InlineKeyboardButton(say("button_inline_back", asked.language), switch_inline_query=idea)
        await asked.answer(say("inline_back", asked.language), InlineKeyboardMarkup.from_button(back), quiet=True)


async def _answer(
    query: InlineQuery, results: Sequence[Result], button: InlineQueryResultsButton | None, next_offset: str
) -> None:
    await query.answer(results, cache_time=CACHE_S, is_personal=True, next_offset=next_offset, button=button)
