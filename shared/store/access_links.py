"""The rows of links that let people in: one that makes an owner, and invitations. Their codes are stored hashed."""

import hmac
import secrets
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from shared.access import Known, Profile, Role
from shared.clock import present
from shared.store import tables
from shared.store.access import Roles
from shared.store.database import Database, retrying

CLAIM_LASTS = timedelta(minutes=10)
CODE_BYTES = 16  # nobody guesses so many; in a link they take 22 characters of 64

_links = tables.access_links.c


class LinkKind(StrEnum):
    """What a link makes of the first people who open it."""

    CLAIM = "claim"  # an owner, as long as there is none
    INVITE = "invite"  # a member


GIVES = {LinkKind.CLAIM: Role.OWNER, LinkKind.INVITE: Role.MEMBER}
# An invitation is used up by those alone to whom it gives something.
MAY_USE_INVITE = frozenset({Role.STRANGER, Role.GUEST})


class AccessLinks:
    """Makes links of one bot and lets people in by them, one transaction a method."""

    def __init__(self, database: Database, bot_id: int, roles: Roles) -> None:
        self._database = database
        self._bot_id = bot_id
        self._roles = roles

    def claim(self) -> str | None:
        """The code of a new link that makes an owner, in the place of an earlier one; None: there is an owner."""
        with self._database.writing() as connection:
            if self._roles.owned(connection):
                return None
            connection.execute(delete(tables.access_links).where(self._of(LinkKind.CLAIM)))
            return self._add(connection, LinkKind.CLAIM, uses=1, lasts=CLAIM_LASTS, by=None)

    def invite(self, *, uses: int, lasts: timedelta, by: int | None) -> str:
        """The code of a new link that lets so many people in.

        Args:
            by: Who made it; None: on the command line.
        """
        with self._database.writing() as connection:
            over = and_(self._of(LinkKind.INVITE), _links.expires_at <= present())
            connection.execute(delete(tables.access_links).where(over))
            return self._add(connection, LinkKind.INVITE, uses=uses, lasts=lasts, by=by)

    @retrying
    def redeem(self, kind: LinkKind, code: str, profile: Profile) -> Known | None:
        """Let somebody in by a link; returns who they were before, None where it gives them nothing."""
        digest = _digest(code)
        with self._database.writing() as connection:
            before = self._roles.lock(connection, profile)
            use = self._use_claim if kind is LinkKind.CLAIM else self._use_invite
            if not use(connection, digest, before):
                return None
            return self._roles.give(connection, profile, GIVES[kind], by=None)

    def _use_claim(self, connection: Connection, digest: str, before: Known) -> bool:
        # The second one waits here, and then finds no row any more.
        rows = connection.scalars(select(_links.digest).where(self._valid(LinkKind.CLAIM)).with_for_update()).all()
        is_right = any(hmac.compare_digest(row, digest) for row in rows)
        if not is_right or before.role is Role.BLOCKED or self._roles.owned(connection):
            return False
        return connection.execute(delete(tables.access_links).where(self._of(LinkKind.CLAIM))).rowcount >= 1

    def _use_invite(self, connection: Connection, digest: str, before: Known) -> bool:
        if before.role not in MAY_USE_INVITE:
            return False
        # Found by its hash: how long that takes tells nothing of any other code.
        one = and_(self._valid(LinkKind.INVITE), _links.digest == digest, _links.uses_left > 0)
        used = update(tables.access_links).where(one).values(uses_left=_links.uses_left - 1)
        return connection.execute(used).rowcount == 1

    def _add(self, connection: Connection, kind: LinkKind, *, uses: int, lasts: timedelta, by: int | None) -> str:
        code, now = secrets.token_urlsafe(CODE_BYTES), present()
        values: dict[str, object] = {
            "bot_id": self._bot_id,
            "digest": _digest(code),
            "kind": kind,
            "uses_left": uses,
            "created_at": now,
            "created_by": by,
            "expires_at": now + lasts,
        }
        connection.execute(insert(tables.access_links).values(values))
        return code

    def _of(self, kind: LinkKind) -> ColumnElement[bool]:
        return and_(_links.bot_id == self._bot_id, _links.kind == kind)

    def _valid(self, kind: LinkKind) -> ColumnElement[bool]:
        return and_(self._of(kind), _links.expires_at > present())


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()
