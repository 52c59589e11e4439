"""Who may use the bot: roles of people and groups, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Self

from shared.clock import present


class Mode(StrEnum):
    """How the bot treats people whom nobody has let in."""

    REQUEST = "request"  # they are told their id, and the owners are asked
    LIST = "list"  # they are told their id
    OPEN = "open"  # they may use it


class Role(StrEnum):
    """What a person, or a group, is to the bot. Of groups there are members, strangers and blocked ones."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"  # may try a number of pictures
    STRANGER = "stranger"  # nobody has decided yet, or somebody has denied
    BLOCKED = "blocked"


MANAGERS = frozenset({Role.OWNER, Role.ADMIN})
INSIDERS = MANAGERS | {Role.MEMBER, Role.GUEST}
OF_GROUPS = frozenset({Role.MEMBER, Role.STRANGER, Role.BLOCKED})
_BELOW_ADMINS = frozenset(Role) - MANAGERS
MAY_GIVE: Mapping[Role, frozenset[Role]] = {Role.OWNER: frozenset(Role), Role.ADMIN: _BELOW_ADMINS}


class Verdict(Enum):
    """What becomes of an update."""

    LET_IN = auto()
    REFUSE = auto()  # with a sentence, not each time
    IGNORE = auto()  # with one sentence ever, to a person in private


def verdict(mode: Mode, person: Role, chat: Role | None) -> Verdict:
    """Whether what somebody does in a chat reaches the handlers.

    Args:
        chat: The role of the group; None in private, and where there is no chat.
    """
    if person is Role.BLOCKED or chat is Role.BLOCKED:
        return Verdict.IGNORE
    if mode is Mode.OPEN or person in MANAGERS:
        return Verdict.LET_IN
    # A group that was let in is open to all who are in it; one that was not, not even to those who may in private.
    is_in = person in INSIDERS if chat is None else chat in INSIDERS
    return Verdict.LET_IN if is_in else Verdict.REFUSE


def may_change(by: Role, before: Role, after: Role) -> bool:
    """Whether somebody with a role may change another's: admins neither touch nor make owners and admins."""
    allowed = MAY_GIVE.get(by, frozenset())
    return before in allowed and after in allowed


@dataclass(frozen=True, slots=True)
class Profile:
    """Who somebody is, as Telegram told it last.

    Attributes:
        id: A person's, or a group's, which is below 0.
        username: Without the @; None where there is none.
        language: IETF tag.
    """

    id: int
    name: str
    username: str | None = None
    language: str = "en"

    def is_still(self, other: Self) -> bool:
        """Whether nothing has changed. A group's language follows its speakers and is not compared."""
        return (self if self.id > 0 else replace(self, language=other.language)) == other


@dataclass(frozen=True, slots=True)
class Known:
    """A person or group that the bot has met, and what was decided about them.

    Attributes:
        told_at: When they were told last that they may not use the bot.
        asked_at: When the owners were asked.
        cards: The messages that asked the owners, by chat and number.
        decided_at: When the role was given, or denied.
    """

    profile: Profile
    role: Role = Role.STRANGER
    told_at: datetime | None = None
    asked_at: datetime | None = None
    cards: tuple[tuple[int, int], ...] = ()
    decided_at: datetime | None = None
    decided_by: int | None = None

    @property
    def id(self) -> int:
        """A person's id, or a group's."""
        return self.profile.id

    @property
    def is_group(self) -> bool:
        """Whether it is a group, or a channel that speaks."""
        return self.profile.id < 0

    def was_told(self, *, within: timedelta | None) -> bool:
        """Whether they were told of late that they may not use the bot; None: ever."""
        return self.told_at is not None and (within is None or self.told_at > present() - within)

    @property
    def is_denied(self) -> bool:
        """Whether somebody has decided against letting them in, without blocking them."""
        return self.role is Role.STRANGER and self.decided_at is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the owners were asked, and none has decided."""
        return self.role is Role.STRANGER and self.decided_at is None and self.asked_at is not None
