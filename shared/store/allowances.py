"""Whether somebody may ask for so much now: the one place where that is decided.

Whoever writes down pictures or questions asks here, in the same transaction and with the person's row in ``users``
locked: two requests of one person are counted one after the other.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from shared.access import Role
from shared.batches import BatchState
from shared.errands import SILENT
from shared.errors import TrialOver
from shared.jobs import State
from shared.shares import Shares
from shared.store import tables

WITHOUT_RESULT = (State.FAILED, State.CANCELLED)  # counts towards nothing


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and which bot.

    Attributes:
        private: Whether in private. A group that was let in answers for its members.
    """

    bot_id: int
    user_id: int
    private: bool


def require_pictures(connection: Connection, asker: Asker, shares: Shares, count: int) -> None:
    """Check that somebody may ask for so many pictures more.

    Raises:
        TrialOver: As a guest, they have asked for as many as one may.
    """
    since = _guest_since(connection, asker)
    if since is not None and _pictures(connection, asker, since) + count > shares.guest_pictures:
        raise TrialOver(most=shares.guest_pictures)


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
