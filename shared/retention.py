"""How long things are kept. Frozen values."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long each kind of thing is kept; None: until its person deletes it.

    Attributes:
        files: What people sent.
        updates: Telegram's updates, handled or not.
        details: When work reached which stage, what services said of failures, orders that were taken back.
        pictures: Originals in the image store; requests take theirs along.
        requests: Jobs and batches that have ended: ideas, prompts, recipes.
        chats: Questions and answers that have ended.
    """

    files: timedelta
    updates: timedelta
    details: timedelta
    pictures: timedelta | None = None
    requests: timedelta | None = None
    chats: timedelta | None = None

    @property
    def originals(self) -> timedelta | None:
        """After what time an original goes: by itself, or with its request."""
        spans = [span for span in (self.pictures, self.requests) if span is not None]
        return min(spans, default=None)
