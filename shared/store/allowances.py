"""Whether somebody may ask for so much now: the one place where that is decided.

Whoever writes down pictures or questions asks here, in the same transaction and with the person's row in ``users``
locked: two requests of one person are counted one after the other.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from shared.access import Role
from shared.batches import BatchState
from shared.errands import SILENT
from shared.errors import TrialOver
from shared.jobs import State
from shared.shares import Shares
from shared.store import tables
from shared.store.budgets import Asker, does_owner_pay, require_budget

WITHOUT_RESULT = (State.FAILED, State.CANCELLED)  # counts towards nothing


def require_pictures(connection: Connection, asker: Asker, shares: Shares, count: int) -> bool:
    """Check that somebody may ask for so many pictures more.

    Returns:
        Whether the owner's key is to pay for them.

    Raises:
        TrialOver: As a guest, they have asked for as many as one may.
        BudgetUsedUp: On the owner's key they, or their group, may not have so many more.
    """
    since = _guest_since(connection, asker)
    if since is not None and _pictures(connection, asker, since) + count > shares.guest_pictures:
        raise TrialOver(most=shares.guest_pictures)
    return charge(connection, asker, shares, count)


def charge(connection: Connection, asker: Asker, shares: Shares, count: int) -> bool:
    """Find out whose key is to pay for so many pictures; see to it that they fit what the owner's key pays for.

    Returns:
        Whether it is the owner's.

    Raises:
        BudgetUsedUp: On the owner's key they, or their group, may not have so many more.
    """
    owner_pays = does_owner_pay(connection, asker.user_id)
    if owner_pays:
        require_budget(connection, asker, shares.budgets, count, datetime.now(UTC))
    return owner_pays


def require_question(connection: Connection, asker: Asker, shares: Shares) -> None:
    """Check that somebody may ask Gemini one question more.

    Raises:
        TrialOver: As a guest, they have asked as many as one may.
    """
    since = _guest_since(connection, asker)
    if since is not None and _questions(connection, asker, since) >= shares.guest_pictures:
        raise TrialOver(most=shares.guest_pictures)


def _guest_since(connection: Connection, asker: Asker) -> datetime | None:
    """When a guest's trial began; None for all others, who have none."""
    access = tables.access.c
    if not asker.private:
        return None
    guest = (access.bot_id == asker.bot_id, access.id == asker.user_id, access.role == Role.GUEST)
    return connection.scalar(select(access.decided_at).where(*guest))


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
