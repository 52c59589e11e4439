"""Updates that are worth an answer at once or none, and so are not written down. Pure.

Telegram waits some seconds for the answer to an inline query, and with the next letter the person asks anew. One that
is lost with the process, or finds the database away, is not answered later (docs/decisions/0031-inline-queries.md).
"""

from collections.abc import Iterable

from telegram import Update


def is_fleeting(update: Update | None) -> bool:
    """Whether an update is over in a moment."""
    return update is not None and update.inline_query is not None


def newest_fleeting(updates: Iterable[Update | None]) -> list[Update]:
    """The inline queries among updates that came together: of each person the newest, which replaces the others."""
    newest: dict[int, Update] = {}
    for update in updates:
        if update is not None and update.inline_query is not None:
            newest[update.inline_query.from_user.id] = update
    return list(newest.values())
