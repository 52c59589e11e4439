"""Gemini's Markdown → messages that Telegram takes: plain text, and entities that say how it looks. Pure."""

import logging
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

import pyromark
import telegramify_markdown as library
from telegram import MessageEntity
from telegramify_markdown.config import RenderConfig

from services.bot.texts.utf16 import units

log = logging.getLogger(__name__)

MAX_UNITS = 4096  # UTF-16 units, Telegram's limit for a message
MAX_ENTITIES = 100  # Telegram leaves out what comes after
MAX_HTML_PASSES = 20
CODE = frozenset({MessageEntity.PRE, MessageEntity.CODE})
BESIDE_CODE = frozenset({MessageEntity.BLOCKQUOTE, MessageEntity.EXPANDABLE_BLOCKQUOTE})
QUOTES = BESIDE_CODE
OURS = CODE | QUOTES | {
    MessageEntity.BOLD,
    MessageEntity.ITALIC,
    MessageEntity.UNDERLINE,
    MessageEntity.STRIKETHROUGH,
    MessageEntity.SPOILER,
    MessageEntity.TEXT_LINK,
}  # fmt: skip
# The library reads these by itself; with the same ones we see what it takes for HTML.
READING = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_MATH
)


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one message, 1 to 4096 UTF-16 units, and how it looks."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


def pieces(markdown: str) -> list[Piece]:
    """Make messages of Markdown, also of Markdown that breaks off in the middle.

    Long texts are cut at a line's end where there is one; a code block that is cut stays code, in its language, in
    each message. What can't be read as Markdown is shown as it is.

    Returns:
        As many messages as it takes; none where there is nothing to see.
    """
    source = markdown.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    text, entities = _convert(source)
    found = []
    for part, its_entities in library.split_entities(text, entities, MAX_UNITS):
        piece = _tidy(part, its_entities)
        if piece.text:
            found.append(piece)
    return found


def _convert(source: str) -> tuple[str, list[library.MessageEntity]]:
    try:
        text, entities = library.convert(_without_html(source), latex_escape=False, config=_plain_symbols())
    except Exception:
        # Whatever the library stumbles over: the words are what people wait for.
        log.exception("Markdown can't be read")
        return source, []
    # A text of nothing but link definitions has nothing to show.
    return (text, entities) if text.strip() else (source, [])


def _plain_symbols() -> RenderConfig:
    """No picture before headings and links: the answer is shown as Gemini wrote it."""
    config = RenderConfig.isolated()
    symbols = config.markdown_symbol
    symbols.heading_level_1 = symbols.heading_level_2 = symbols.heading_level_3 = symbols.heading_level_4 = ""
    symbols.unordered_list_item = "•"
    return config


def _without_html(source: str) -> str:
    """Escape what would be read as HTML: the library leaves it out, and with it words."""
    for _ in range(MAX_HTML_PASSES):
        data = source.encode("utf-8")
        opening = [
            start + found.find(b"<")
            for start, found in _html(source, data)
            if b"<" in found and data[max(start + found.find(b"<") - 1, 0) : start + found.find(b"<")] != b"\\"
        ]
        if not opening:
            return source
        bounds = [0, *sorted(set(opening)), len(data)]
        source = b"\\".join(data[begin:end] for begin, end in pairwise(bounds)).decode("utf-8")
    return source


def _html(source: str, data: bytes) -> list[tuple[int, bytes]]:
    """Where the parser sees HTML, in bytes of UTF-8, and what it says."""
    found = []
    for event, place in pyromark.events_with_range(source, options=READING):
        if isinstance(event, dict) and ("Html" in event or "InlineHtml" in event):
            found.append((place["start"], data[place["start"] : place["end"]]))
    return found


def _tidy(text: str, entities: list[library.MessageEntity]) -> Piece:
    """Take the white space from around a text, as Telegram does, and leave only entities that it takes as they are."""
    kept = text.strip()
    shift, most = units(text[: len(text) - len(text.lstrip())]), units(kept)
    placed = []
    for one in entities:
        begin, end = max(one.offset - shift, 0), min(one.offset - shift + one.length, most)
        if end > begin and one.type in OURS and (one.type != MessageEntity.TEXT_LINK or _is_link(one.url)):
            link = one.url if one.type == MessageEntity.TEXT_LINK else None
            language = one.language if one.type == MessageEntity.PRE else None
            placed.append(MessageEntity(one.type, begin, end - begin, url=link, language=language or None))
    return Piece(kept, tuple(_nested(placed)))


def _nested(entities: list[MessageEntity]) -> list[MessageEntity]:
    """Leave out entities that cross others, stand inside code, or inside one of their own kind."""
    kept: list[MessageEntity] = []
    around: list[MessageEntity] = []
    for one in sorted(entities, key=lambda entity: (entity.offset, -entity.length, entity.type not in QUOTES)):
        while around and _end(around[-1]) <= one.offset:
            around.pop()
        crosses = bool(around) and _end(one) > _end(around[-1])
        kinds = {outer.type for outer in around}
        in_code = bool(kinds & CODE)
        code_in_words = one.type in CODE and bool(kinds - BESIDE_CODE)
        twice = one.type in kinds or (one.type in QUOTES and bool(kinds & QUOTES))
        if not (crosses or in_code or code_in_words or twice):
            kept.append(one)
            around.append(one)
    return kept[:MAX_ENTITIES]


def _is_link(url: str | None) -> bool:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in (parts.hostname or "") and not (set(url or "") & set(" \n<>"))


def _end(entity: MessageEntity) -> int:
    return entity.offset + entity.length
