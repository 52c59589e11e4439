"""Texts that a Telegram client has cut: which message goes on with which, and how they are put together. Pure.

A message holds 4,096 UTF-16 units. Clients send a longer text as several messages at once. They cut at the last blank
line or line end near the limit, else at the end of a sentence or word, and drop the white space there. Android looks
for it in the last 300 units, Telegram Desktop in the second half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from services.bot.texts.utf16 import units
from shared.json_types import JsonObject, inside, whole_number

LIMIT_UNITS = 4_096
HALF_UNITS = LIMIT_UNITS // 2  # whatever is shorter was not cut
NEAR_UNITS = 300  # before the limit: where a client looks for a line's end
WITHIN_S = 3  # between two parts, by Telegram's clock, which counts seconds
MAX_PARTS = 20


@dataclass(frozen=True, slots=True)
class Text:
    """A text message, as far as it matters here; ``date`` in seconds."""

    words: str
    chat_id: int
    topic_id: int
    sender_id: int
    message_id: int
    date: int
    replied_id: int | None = None
    is_forwarded: bool = False

    @property
    def writer(self) -> tuple[int, int, int]:
        """Who wrote it, and where."""
        return self.chat_id, self.topic_id, self.sender_id


def text_of(update: JsonObject) -> Text | None:
    """The new text message in an update; None where there is none."""
    message = update.get("message")
    match message:
        case {"text": str() as words, "chat": {"id": int() as chat_id}, "message_id": int() as number}:
            sender_id = inside(message, "sender_chat", "id") or inside(message, "from", "id")
            replied_id = inside(message, "reply_to_message", "message_id")
            return Text(
                words,
                chat_id,
                whole_number(inside(message, "message_thread_id")),
                whole_number(sender_id),
                number,
                whole_number(inside(message, "date")),
                replied_id if isinstance(replied_id, int) else None,
                is_forwarded=bool(inside(message, "forward_origin") or inside(message, "via_bot")),
            )
        case _:
            return None


def may_be_cut(words: str) -> bool:
    """Whether a text is long enough for a client to have cut it."""
    return units(words) > HALF_UNITS


def is_full(words: str) -> bool:
    """Whether a text fills a message, so that a client may have cut it near the limit."""
    return LIMIT_UNITS - NEAR_UNITS <= units(words) <= LIMIT_UNITS


def goes_on(before: Text, after: Text) -> bool:
    """Whether a text is the rest of the one that its writer sent before it."""
    return (
        may_be_cut(before.words)
        and before.writer == after.writer
        and before.message_id < after.message_id
        and 0 <= after.date - before.date <= WITHIN_S
        and not after.words.startswith("/")
        and after.replied_id in {None, before.replied_id}
        and not (before.is_forwarded or after.is_forwarded)
    )


def joined(parts: Sequence[str]) -> str:
    """Put the parts of a text together."""
    whole = parts[0]
    for before, after in pairwise(parts):
        whole += _cut_between(before, after, whole.splitlines()) + after
    return whole


def _cut_between(before: str, after: str, lines: Sequence[str]) -> str:
    """What was dropped between two parts: a line's end, a space, or nothing.

    Most clients prefer the end of a line that is near the limit. One that doesn't is told by this: the next word would
    not have fitted in, and the two halves make a line as long as the others.

    Args:
        lines: Those of the text up to the cut, the last of them perhaps in part.
    """
    if not any(character.isspace() for character in before[-NEAR_UNITS:]):
        return ""  # A language without spaces.
    if len(lines) == 1 or len(lines[-1]) > NEAR_UNITS:
        return " "
    last, first = len(lines[-1]), len(after.split("\n", 1)[0])
    usual = median(len(line) for line in lines[1:-1] or lines[:1])
    has_no_room = units(before) + 1 + units(after.split(maxsplit=1)[0]) >= LIMIT_UNITS
    if has_no_room and abs(last + 1 + first - usual) < abs(last - usual) + abs(first - usual):
        return "" if units(before) == LIMIT_UNITS else " "
    return "\n"
