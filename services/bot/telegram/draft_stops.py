"""Presses of a draft's own stop button, of which the library knows nothing yet."""

from dataclasses import dataclass

from telegram import Update
from telegram.ext import BaseHandler, ContextTypes


@dataclass(frozen=True, slots=True)
class StoppedDraft:
    """Which draft a person wants no more of."""

    chat_id: int
    draft_id: int


def stopped_draft(update: Update) -> StoppedDraft | None:
    """Read a press of a draft's own stop button."""
    match update.api_kwargs.get("stopped_message_generation"):
        case {"chat": {"id": int() as chat_id}, "draft_id": int() as draft_id}:
            return StoppedDraft(chat_id, draft_id)
        case _:
            return None


class DraftStopHandler(BaseHandler[Update, ContextTypes.DEFAULT_TYPE, None]):
    """Lets through presses of a draft's own stop button."""

    def check_update(self, update: object) -> bool:
        return isinstance(update, Update) and stopped_draft(update) is not None
