"""What people read about a delivery that Telegram refused. Pure."""

from typing import Literal

from services.bot.telegram.errors import CHATS_OWN, Refusal
from services.bot.texts.locales import say

MAX_TRIES_TO_SAY = 3  # each may say it once more
SAID = CHATS_OWN | {Refusal.TOO_LARGE, Refusal.UNREACHABLE, Refusal.UNKNOWN}
# Where not even words can be sent.
SILENT = frozenset({Refusal.CHAT_GONE, Refusal.WRITING_FORBIDDEN, Refusal.TOPIC_CLOSED})
KEPT = {"picture": "undelivered_kept", "answer": "undelivered_answer_kept"}


def write_refusal(reason: str | None, language: str, *, kept: Literal["picture", "answer"] | None = None) -> str | None:
    """Say in the chat why something was not delivered, as Telegram HTML; None where nothing can be said there.

    Args:
        reason: A refusal, as the record has it.
        kept: What ``/queue`` offers later.
    """
    if reason is None or reason in SILENT:
        return None
    lines = [explain(reason, language)]
    return "\n".join([*lines, say(KEPT[kept], language)] if kept is not None else lines)


def write_file_refusal(reason: Refusal, language: str) -> str | None:
    """Say in the chat why a file that somebody asked for does not come; as ``write_refusal``, but not of a picture."""
    if reason is Refusal.TOO_LARGE:
        return say("undelivered_file_too_large", language)
    return write_refusal(reason, language)


def explain(reason: str, language: str) -> str:
    """Why something was not delivered, also to be read elsewhere; as Telegram HTML."""
    return say(f"undelivered_{reason if reason in SAID else Refusal.UNKNOWN}", language)
