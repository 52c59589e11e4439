"""What somebody has used of the owner's keys, and what is left: for people to read before they ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shared.budgets import Budgets, Period
from shared.clock import present
from shared.jobs import Request
from shared.queue_policy import QueuePolicy
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store.allowances import Charge, Cost
from shared.store.budgets import Asker, is_unlimited, paid_by_owner, tokens_of, used_by, used_in_group
from shared.store.database import Database
from shared.store.spending import Spent, read_spent

NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit, and how much of it was used.

    Attributes:
        name: ``day``, ``month`` and ``group`` are of pictures, ``tokens`` of Gemini's.
        seconds: Until it begins anew.
    """

    name: str
    used: int
    most: int
    seconds: float

    @property
    def left(self) -> int:
        """What may still be had."""
        return max(self.most - self.used, 0)


@dataclass(frozen=True, slots=True)
class Usage:
    """What somebody has used.

    Attributes:
        pictures, tokens: The limits that hold for them; none on their own keys.
        owner_paints, owner_writes: Whether the owner's keys pay for pictures, and for what Gemini says.
        spent: Of the whole installation's money.
    """

    pictures: tuple[Budget, ...] = ()
    tokens: tuple[Budget, ...] = ()
    owner_paints: bool = True
    owner_writes: bool = True
    spent: Spent = NOTHING_SPENT

    @property
    def pictures_left(self) -> int | None:
        """How many pictures they may still have; None: any number."""
        return min((one.left for one in self.pictures), default=None)

    def cost(self, cost: Cost) -> int:
        """What requests of theirs may cost the owner."""
        return Charge(self.owner_paints, self.owner_writes).of(cost)


class UsageReader:
    """Reads the sums that budgets are held against; a moment later they may be others."""

    def __init__(self, database: Database, policy: QueuePolicy) -> None:
        self._database = database
        self._policy = policy

    @property
    def budgets(self) -> Budgets:
        """The owner's limits."""
        return self._policy.budgets

    def read(self, asker: Asker) -> Usage:
        """What somebody has used, in a group also what the group has."""
        now, budgets = present(), self._policy.budgets
        with self._database.reading() as connection:
            owners, spent = paid_by_owner(connection, asker.user_id), read_spent(connection, now)
            paints, writes = HUGGINGFACE in owners, GOOGLE in owners
            if is_unlimited(connection, asker.bot_id, asker.user_id, budgets):
                return Usage(owner_paints=paints, owner_writes=writes, spent=spent)
            pictures = _pictures(connection, asker, budgets, now) if paints else ()
            tokens = _tokens(connection, asker, budgets, now) if writes else ()
        return Usage(pictures, tokens, paints, writes, spent)

    def cost_of(self, usage: Usage, requests: Iterable[Request]) -> int:
        """What requests may cost the owner, in millionths of a dollar."""
        return usage.cost(Cost.of(requests, self._policy.prices))

    def fits(self, usage: Usage, pictures: int, cost: int) -> bool:
        """Whether so many pictures more, at this cost, fit what is left at present."""
        left = usage.pictures_left
        limits = ((Period.DAY, self.budgets.money_a_day), (Period.MONTH, self.budgets.money_a_month))
        within = all(
            not most or usage.spent.in_period(period) + usage.spent.reserved + cost <= most for period, most in limits
        )
        return (left is None or pictures <= left) and (within or not cost)


def _pictures(connection: Connection, asker: Asker, budgets: Budgets, now: datetime) -> tuple[Budget, ...]:
    used = used_by(connection, asker.user_id, now)
    day, month = Period.DAY, Period.MONTH
    found = [
        Budget("day", used.in_period(day), budgets.pictures_a_day, day.seconds_left(now)),
        Budget("month", used.in_period(month), budgets.pictures_a_month, month.seconds_left(now)),
    ]
    if asker.group is not None:
        in_group = used_in_group(connection, asker.group, now).in_period(day)
        found.append(Budget("group", in_group, budgets.pictures_in_group_a_day, day.seconds_left(now)))
    return tuple(one for one in found if one.most)


def _tokens(connection: Connection, asker: Asker, budgets: Budgets, now: datetime) -> tuple[Budget, ...]:
    if not budgets.tokens_a_day:
        return ()
    used = tokens_of(connection, asker.user_id, now)
    return (Budget("tokens", used, budgets.tokens_a_day, Period.DAY.seconds_left(now)),)
