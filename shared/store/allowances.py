"""Decides whether a person may order so much now, within all budgets.

Writers of pictures and questions ask here, in the same transaction and with the person's row in ``users``
locked: two requests of one person are counted one after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, bindparam, exists, func, select

from shared.access import Role
from shared.batches import BatchState
from shared.clock import present
from shared.errands import SILENT
from shared.errors import TrialOver
from shared.jobs import Request, State
from shared.prices import Prices
from shared.queue_policy import QueuePolicy
from shared.redaction import GOOGLE, HUGGINGFACE
from shared.store import tables
from shared.store.budgets import Asker, require_budget, require_tokens
from shared.store.database import Database
from shared.store.spending import require_money

_access = tables.access.c
_GUEST_SINCE = select(_access.decided_at).where(
    _access.bot_id == bindparam("bot"), _access.id == bindparam("whose"), _access.role == Role.GUEST
)
_TERMS = select(
    _GUEST_SINCE.scalar_subquery(),
    *(
        exists().where(tables.keys.c.user_id == bindparam("whose"), tables.keys.c.service == service)
        for service in (HUGGINGFACE, GOOGLE)
    ),
)
WITHOUT_RESULT = (State.FAILED, State.CANCELLED)  # counts towards nothing


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests may cost, in millionths of a dollar.

    Attributes:
        pictures: How many they are for; those that are only made larger cost nobody anything.
        painting, writing: All of them, and their prompts.
        googles: How many of them a Google key pays for; a HuggingFace token pays for the others.
    """

    pictures: int
    painting: int = 0
    writing: int = 0
    googles: int = 0

    @classmethod
    def of(cls, requests: Iterable[Request], prices: Prices) -> Self:
        """Add up what requests may cost."""
        asked = list(requests)
        return cls(
            sum(one.count for one in asked if one.parameters.upscale is None),
            sum(prices.of_painting(one) * one.count for one in asked),
            sum(prices.of_writing(one) for one in asked),
            sum(one.count for one in asked if one.parameters.upscale is None and prices.is_googles(one)),
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """Whose keys are to pay for pictures.

    Attributes:
        paints, writes: Whether the owner's HuggingFace token, or Google key, is to pay. With Gemini's image models the
            one that writes paints as well.
    """

    paints: bool
    writes: bool

    def pictures(self, cost: Cost) -> int:
        """How many of the pictures are to be on the owner's keys."""
        return (cost.pictures - cost.googles if self.paints else 0) + (cost.googles if self.writes else 0)

    def pays(self, cost: Cost) -> bool:
        """Whether any of the pictures is to be on the owner's keys."""
        return self.pictures(cost) > 0

    def of(self, cost: Cost) -> int:
        """What it may cost the owner, in millionths of a dollar."""
        painting = cost.painting * self.pictures(cost) // max(cost.pictures, 1)
        return painting + (cost.writing if self.writes else 0)


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which terms somebody asks.

    Attributes:
        guest_since: When a guest's trial began; None for all others, who have none.
    """

    guest_since: datetime | None
    charge: Charge


OWNER_PAYS_ALL = Charge(paints=True, writes=True)


def require_pictures(
    database: Database, connection: Connection, asker: Asker, policy: QueuePolicy, cost: Cost
) -> Charge:
    """Check that somebody may ask for so many pictures more.

    Raises:
        TrialOver: As a guest, they have asked for as many as one may.
        BudgetUsedUp: On the owner's key they, their group or everybody together may not have so many more.
    """
    terms = _terms_of(connection, asker)
    since = terms.guest_since
    if since is not None and _pictures(connection, asker, since) + cost.pictures > policy.guest_pictures:
        raise TrialOver(limit=policy.guest_pictures)
    return _fitting(database, connection, asker, policy, cost, terms.charge)


def charge(database: Database, connection: Connection, asker: Asker, policy: QueuePolicy, cost: Cost) -> Charge:
    """Find out whose key is to pay for pictures; see to it that they fit what the owner's keys pay for.

    Raises:
        BudgetUsedUp: On the owner's key they, their group or everybody together may not have so many more.
    """
    return _fitting(database, connection, asker, policy, cost, _terms_of(connection, asker).charge)


def _fitting(  # noqa: PLR0917 - as ``charge``
    database: Database, connection: Connection, asker: Asker, policy: QueuePolicy, cost: Cost, charged: Charge
) -> Charge:
    now = present()
    if count := charged.pictures(cost):
        require_budget(connection, asker, policy.budgets, count, now)
    if amount := charged.of(cost):
        require_money(database, connection, policy.budgets, amount, now)
    return charged


def require_question(database: Database, connection: Connection, asker: Asker, policy: QueuePolicy) -> None:
    """Check that somebody may ask Gemini one question more.

    Raises:
        TrialOver: As a guest, they have asked as many as one may.
        BudgetUsedUp: On the owner's key they have no tokens left, or nobody has money.
    """
    terms = _terms_of(connection, asker)
    since = terms.guest_since
    if since is not None and _questions(connection, asker, since) >= policy.guest_pictures:
        raise TrialOver(limit=policy.guest_pictures)
    if terms.charge.writes:
        require_answer(database, connection, asker, policy)


def require_answer(database: Database, connection: Connection, asker: Asker, policy: QueuePolicy) -> None:
    """Check that Gemini may answer somebody on the owner's key: when they ask, and before it is called.

    Raises:
        BudgetUsedUp: They have no tokens left, or nobody has money.
    """
    now = present()
    require_tokens(connection, asker, policy.budgets, now)
    require_money(database, connection, policy.budgets, 0, now)


def _terms_of(connection: Connection, asker: Asker) -> _Terms:
    row = connection.execute(_TERMS, {"bot": asker.bot_id, "whose": asker.user_id}).one()
    guest_since, has_token, has_key = row
    # Not even a refused key of their own is replaced by the owner's.
    return _Terms(guest_since if asker.private else None, Charge(paints=not has_token, writes=not has_key))


def _pictures(connection: Connection, asker: Asker, since: datetime) -> int:
    """Asked for since then, alone or in batches that were started."""
    jobs, batches = tables.jobs.c, tables.batches.c
    alone = select(func.count()).where(
        jobs.user_id == asker.user_id,
        jobs.bot_id == asker.bot_id,
        jobs.private,
        jobs.batch_id.is_(None),
        jobs.state.not_in(WITHOUT_RESULT),
        jobs.created_at >= since,
    )
    in_batches = select(func.sum(batches.pictures)).where(
        batches.user_id == asker.user_id,
        batches.bot_id == asker.bot_id,
        batches.private,
        batches.started_at >= since,
        batches.state != BatchState.CANCELLED,
    )
    return (connection.scalar(alone) or 0) + (connection.scalar(in_batches) or 0)


def _questions(connection: Connection, asker: Asker, since: datetime) -> int:
    errands = tables.errands.c
    asked = select(func.count()).where(
        errands.user_id == asker.user_id,
        errands.bot_id == asker.bot_id,
        errands.private,
        errands.kind.not_in(sorted(SILENT)),
        errands.state.not_in(WITHOUT_RESULT),
        errands.created_at >= since,
    )
    return connection.scalar(asked) or 0
