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

from services.bot.pictures.captions import idea_or
from services.bot.pictures.imagine import Imagine, Material
from services.bot.telegram import start_links
from services.bot.telegram.errors import words_of
from services.bot.telegram.incoming import Incoming, for_message
from services.bot.texts.locales import say
from services.bot.texts.utf16 import shorten
from shared.catalogue import name_of
from shared.history import MAX_SEARCH, Preview, Wanted
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


@dataclass(frozen=True, slots=True)
class Found:
    """What is offered.

    Attributes:
        next_offset: Where the next results begin; empty where there are no others.
        leads_to: The parameter of the link to the private chat; None where pictures were found.
    """

    results: Sequence[Result]
    next_offset: str
    leads_to: str | None = None


def read_query(text: str, offset: str) -> Asked:
    """Read ``red fox --caption``. Pure."""
    idea = " ".join(_WITH_CAPTION.sub(" ", text).split())
    words = _PARAMETERS.sub("", idea)[:MAX_SEARCH]
    is_number = offset.isascii() and offset.isdecimal() and len(offset) < 19
    return Asked(words, idea, _WITH_CAPTION.search(text) is not None, int(offset) if is_number else None)


def result_of(picture: Preview, *, with_caption: bool) -> Result | None:
    """A picture as Telegram offers it; None where Telegram does not know it. Pure."""
    idea = idea_or(picture.idea, picture.title, picture.language)
    title = shorten(idea, MAX_TITLE)
    model = name_of(picture.model) if picture.model else None
    caption = None
    if with_caption:
        said = f"<b>{html.escape(shorten(idea, MAX_CAPTION), quote=False)}</b>"
        caption = f"{said}\n{html.escape(model, quote=False)}" if model else said
    description = shorten(picture.prompt, MAX_DESCRIPTION) if picture.prompt is not None else model
    match _kind_of(picture.file_id or ""):
        case FileType.PHOTO:
            return InlineQueryResultCachedPhoto(
                str(picture.id), str(picture.file_id), title=title, description=description, caption=caption,
                parse_mode=ParseMode.HTML,
            )  # fmt: skip
        case FileType.DOCUMENT:
            return InlineQueryResultCachedDocument(
                str(picture.id), title, str(picture.file_id), description=description, caption=caption,
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
        # All that is asked of the database at once: each thread that is waited for costs time.
        found = await asyncio.to_thread(self._look, wanted, asked)
        try:
            await _answer(query, found, query.from_user.language_code or "en")
        except BadRequest as error:
            log.warning("inline query refused", extra={"user_id": query.from_user.id, "error": words_of(error)})

    def _look(self, wanted: Wanted, asked: Asked) -> Found:
        """Find pictures, or keep the idea for one. Blocks."""
        results, next_offset = self._find(wanted, asked)
        if results or asked.before is not None:
            return Found(results, next_offset)
        code = self._ideas.keep(wanted.owner_id, asked.idea) if asked.idea else None
        leads_to = start_links.FIRST_PICTURE if code is None else f"{start_links.IDEA}{code}"
        return Found(results, next_offset, leads_to)

    def _find(self, wanted: Wanted, asked: Asked) -> tuple[list[Result], str]:
        """A page of results, and where the next one begins; pictures that Telegram does not know are passed over."""
        before, results = asked.before, list[Result]()
        for _ in range(LOOKS):
            page = self._history.previews(wanted, before=before, limit=A_PAGE)
            results = [found for one in page if (found := result_of(one, with_caption=asked.with_caption)) is not None]
            if len(page) < A_PAGE:
                return results, ""
            before = page[-1].id
            if results:
                break
        return results, str(before)

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


async def _answer(query: InlineQuery, found: Found, language: str) -> None:
    button = None
    if found.leads_to is not None:
        label = "inline_none" if found.leads_to == start_links.FIRST_PICTURE else "inline_create"
        button = InlineQueryResultsButton(say(label, language), start_parameter=found.leads_to)
    await query.answer(
        found.results, cache_time=CACHE_S, is_personal=True, next_offset=found.next_offset, button=button
    )
