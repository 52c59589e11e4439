"""What may be spent on the owner's keys: limits by person, group and day, and when they begin anew. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.chat_models import plain_name
from shared.jobs import Writing
from shared.preferences import MAX_OUTPUT_TOKENS


class Period(StrEnum):
    """A span of the calendar, in UTC."""

    DAY = "day"
    MONTH = "month"

    def began(self, now: datetime) -> datetime:
        """Its first moment."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today if self is Period.DAY else today.replace(day=1)

    def seconds_left(self, now: datetime) -> float:
        """Until the next one begins."""
        first = self.began(now)
        following = first + timedelta(days=1 if self is Period.DAY else 32)
        return (self.began(following) - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Budgets:
    """How much people may have on the owner's keys; 0 is without limit. On keys of their own they may have anything.

    Attributes:
        pictures_a_day, pictures_a_month: Of one person, paid for or under way.
        pictures_in_group_a_day: The same for all members of a group chat together.
        tokens_a_day: That Gemini reads and writes for one person, thoughts included.
        money_a_day, money_a_month: Millionths of a dollar, for the whole installation, owners included.
        chat_models: That may be chosen beside the owner's usual one; empty: all.
        output_tokens: The longest answer in a chat.
        unlimited: Whose pictures and tokens have no limit, beside the owners and admins of the record.
    """

    pictures_a_day: int = 0
    pictures_a_month: int = 0
    pictures_in_group_a_day: int = 0
    tokens_a_day: int = 0
    money_a_day: int = 0
    money_a_month: int = 0
    chat_models: frozenset[str] = frozenset()
    output_tokens: int = 0
    unlimited: frozenset[int] = frozenset()

    def bound(self, writing: Writing) -> Writing:
        """What of somebody's choices counts on the owner's key."""
        most = self.output_tokens or MAX_OUTPUT_TOKENS
        bounded = writing if self.may_choose(writing.model) else replace(writing, model=None)
        return replace(bounded, output_tokens=min(writing.output_tokens, most)) if writing.output_tokens else bounded

    def may_choose(self, chat_model: str | None) -> bool:
        """Whether somebody may choose a chat model without a key of their own; None is the owner's usual one."""
        return chat_model is None or not self.chat_models or plain_name(chat_model) in self.chat_models

    @property
    def are_personal(self) -> bool:
        """Whether there is a limit to what one person may have."""
        return self.pictures_a_day > 0 or self.pictures_a_month > 0
