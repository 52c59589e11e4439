"""Status messages: the work that they are about, and which are to be deleted. Frozen values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Work(StrEnum):
    """What a status message is about."""

    JOB = "job"
    ERRAND = "errand"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Removal:
    """A message of ours that is to be removed from its chat, until Telegram has said that it is gone.

    Attributes:
        message_id: None: it was sent, and nobody knows under which number.
        work_id: The job, errand or batch of which it tells.
        after: Where the number is unknown: it is higher than this.
        since: When the message was to go; where its number is unknown, when it was sent.
        tries: How often somebody has tried, this time included.
    """

    id: int
    bot_id: int
    chat_id: int
    message_id: int | None
    work: Work
    work_id: int
    language: str
    after: int | None
    since: datetime
    tries: int
