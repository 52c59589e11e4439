"""What the sender of an update had chosen when its handling began.

Read once, before any handler sees the update, and known to the task that handles it.
"""

from contextvars import ContextVar

from shared.preferences import Preferences

_preferences: ContextVar[tuple[int, Preferences] | None] = ContextVar("sender_preferences", default=None)


def set_sender_preferences(person_id: int, chosen: Preferences) -> None:
    """Say what the person chose whose update this task handles."""
    _preferences.set((person_id, chosen))


def sender_preferences(person_id: int) -> Preferences | None:
    """What this person had chosen; None where this task handles no update of theirs."""
    noted = _preferences.get()
    return noted[1] if noted is not None and noted[0] == person_id else None
