"""Events of one process for ``/metrics``. Unless a listener is set, they are dropped.

One listener a process, as with the log: the events occur deep inside, and each part would have to be handed its
meters otherwise.
"""

from datetime import datetime

from shared.jobs import Attempt


class Meters:
    """Receives events and drops them. Thread-safe, as each subclass has to be."""

    def began(self, kind: str, created_at: datetime) -> None:
        """A worker took work up for the first time."""

    def busy(self, kind: str, more: int) -> None:
        """So many slots more, or fewer, have work of a kind in hand."""

    def called(self, attempt: Attempt) -> None:
        """A service was called for a picture."""

    def waits(self, kind: str, reason: str) -> None:
        """Work was put aside."""

    def ended(self, kind: str, outcome: str, reason: str = "", *, created_at: datetime | None = None) -> None:
        """Work ended: ``finished`` or ``failed``."""

    def delivered(self, what: str, outcome: str, *, ended_at: datetime | None = None) -> None:
        """Something was sent to a chat, put off, uncertain, or given up."""

    def flooded(self, endpoint: str, seconds: float) -> None:
        """Telegram told the bot to wait."""


_meters = Meters()


def meters() -> Meters:
    """The listener of this process."""
    return _meters


def listen(those: Meters | None) -> None:
    """Set the listener of this process; None: drop events again."""
    global _meters  # noqa: PLW0603 - one a process, as the module says
    _meters = those or Meters()
