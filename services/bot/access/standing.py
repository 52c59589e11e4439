"""The role of an update's sender, for the filters and handlers of that update.

The gate reads it from the record before any handler sees the update, and it holds for the task that handles it.
"""

from contextvars import ContextVar

from shared.access import MANAGERS, Role

_role: ContextVar[Role] = ContextVar("role", default=Role.STRANGER)


def set_role(role: Role) -> None:
    """Say whose update this task handles."""
    _role.set(role)


def role_of_sender() -> Role:
    """The role of the sender of the update that this task handles."""
    return _role.get()


def is_from_manager() -> bool:
    """Whether it is from an owner or admin of the bot."""
    return _role.get() in MANAGERS
