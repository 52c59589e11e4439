"""The Bot API's methods, by what they are about; importing this package registers them all."""

from sandbox.telegram.methods import (
    chats,
    commands,
    drafts,
    editing,
    payments,
    profile,
    queries,
    sending,
    updates,
)

__all__ = ["chats", "commands", "drafts", "editing", "payments", "profile", "queries", "sending", "updates"]
