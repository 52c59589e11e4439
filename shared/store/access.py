"""The rows of those whom a bot has met: roles, requests to be let in, and groups that are to be left."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    String,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)

from shared.access import MANAGERS, Known, Profile, Role
from shared.clock import present
from shared.errors import LastOwner, OwnerBySettings
from shared.store import tables
from shared.store.database import AnyInsert, Database, InsertInto, built_once, insert_new, retrying
from shared.store.types import TableRow

ASKED_AGAIN_AFTER = timedelta(days=7)  # after a refusal
ASKING_LASTS = timedelta(hours=1)  # then they are asked again, if that reached nobody, or the process died over it
MAX_ASKED = 20  # requests of which the owners are told in an hour; the others wait in /users
LEAVE_AFTER = timedelta(days=1)  # a group for which nobody decides
LEAVING_LASTS = timedelta(minutes=10)
STRANGERS_KEPT = timedelta(days=30)
MAX_NAME, MAX_USERNAME = 128, 64  # characters

_access = tables.access.c
ORDER = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.STRANGER, Role.BLOCKED)


LOOK = select(tables.access).where(_access.bot_id == bindparam("bot"), _access.id.in_(bindparam("ids", expanding=True)))


@built_once
def _noting(insert: InsertInto) -> AnyInsert:
    new = insert(tables.access)
    told = {name: new.excluded[name] for name in ("name", "username", "language", "noted_at")}
    return new.on_conflict_do_update(index_elements=["bot_id", "id"], set_=told)


class Roles:
    """Who is what to one bot, one transaction a method."""

    def __init__(self, database: Database, bot_id: int, owners: Collection[int] = ()) -> None:
        """``owners`` are so by the settings, whatever the record says."""
        self._database = database
        self._bot_id = bot_id
        self._owners = frozenset(owners)

    # Who is who

    def look(self, ids: Iterable[int]) -> dict[int, Known]:
        """Those of these people and groups whom the record knows, or the settings."""
        wanted = set(ids)
        with self._database.reading() as connection:
            rows = connection.execute(LOOK, {"bot": self._bot_id, "ids": list(wanted)})
            found = {row.id: self._known(row) for row in rows}
        named = {one: Known(Profile(one, str(one)), Role.OWNER) for one in wanted & self._owners}
        return named | found

    def one(self, its_id: int) -> Known:
        """One person or group; somebody unknown is a stranger."""
        return self.look([its_id]).get(its_id) or Known(Profile(its_id, str(its_id)))

    def note(self, profile: Profile) -> None:
        """Keep a person's or group's profile from Telegram."""
        with self._database.writing() as connection:
            self._note(connection, profile)

    def named(self, username: str) -> Known | None:
        """The person or group that the bot met last under this @name."""
        wanted = and_(self._of_bot(), func.lower(_access.username) == username.removeprefix("@").lower())
        with self._database.reading() as connection:
            row = connection.execute(select(tables.access).where(wanted).order_by(_access.noted_at.desc())).first()
            return self._known(row) if row is not None else None

    def managers(self) -> list[Known]:
        """Owners and admins, those of the settings included."""
        with self._database.reading() as connection:
            ids = connection.scalars(select(_access.id).where(self._of_bot(), _access.role.in_(sorted(MANAGERS)))).all()
        found = self.look({*ids, *self._owners})
        return sorted((one for one in found.values() if one.role in MANAGERS), key=lambda one: one.id)

    def has_owner(self) -> bool:
        """Whether somebody owns the bot."""
        if self._owners:
            return True
        with self._database.reading() as connection:
            return self.owned(connection)

    def owned(self, connection: Connection) -> bool:
        """The same in a transaction of the caller's, settings aside."""
        owner = select(_access.id).where(self._of_bot(), _access.role == Role.OWNER)
        return bool(self._owners) or connection.scalar(owner.limit(1)) is not None

    def is_fixed(self, its_id: int) -> bool:
        """Whether the settings say that somebody is an owner."""
        return its_id in self._owners

    def page(self, search: str = "", *, first: int = 0, limit: int = 10) -> tuple[list[Known], int]:
        """A part of all whom the bot knows, owners first and then who waits, and how many there are.

        Args:
            search: A part of the name, of the @name or of the id.
        """
        wanted = [self._of_bot(), *self._search(search)]
        waits = case((and_(_access.role == Role.STRANGER, _access.asked_at.is_not(None)), 0), else_=1)
        place = case({str(role): number for number, role in enumerate(ORDER)}, value=_access.role, else_=len(ORDER))
        order = (case((_access.role.in_(sorted(MANAGERS)), place), else_=len(ORDER)), waits, place, _access.id)
        with self._database.reading() as connection:
            count = connection.scalar(select(func.count()).select_from(tables.access).where(*wanted)) or 0
            rows = connection.execute(select(tables.access).where(*wanted).order_by(*order).offset(first).limit(limit))
            return [self._known(row) for row in rows], count

    @staticmethod
    def _search(search: str) -> list[ColumnElement[bool]]:
        words = search.strip().removeprefix("@").lower()
        if not words:
            return []
        texts = (func.lower(_access.name), func.lower(_access.username), cast(_access.id, String))
        return [or_(*(text.contains(words, autoescape=True) for text in texts))]

    # Deciding

    @retrying
    def decide(self, profile: Profile, role: Role, *, by: int | None, only_waiting: bool = False) -> Known | None:
        """Give somebody a role; ``Role.STRANGER`` denies them. Twice is once.

        Args:
            profile: Of a person who may be new; what is known of them stays.
            by: Who decided; None: on the command line, or by a link.
            only_waiting: Only if the owners were asked, and none has decided.

        Returns:
            Who it was before, with the cards that asked; None where nothing was left to decide.

        Raises:
            LastOwner: Nobody else owns the bot.
            OwnerBySettings: The settings say that this is an owner.
        """
        with self._database.writing() as connection:
            self._add(connection, profile)
            before = self._known(self._locked(connection, profile.id))
            if only_waiting and not before.is_waiting:
                return None
            if role is before.role and not before.is_waiting:
                return None
            self._require_another_owner(connection, before, role)
            self._decide(connection, profile.id, role, by)
            return before

    def _require_another_owner(self, connection: Connection, before: Known, role: Role) -> None:
        if before.role is not Role.OWNER or role is Role.OWNER:
            return
        if self.is_fixed(before.id):
            raise OwnerBySettings
        owners = select(_access.id).where(self._of_bot(), _access.role == Role.OWNER).order_by(_access.id)
        if len(connection.scalars(owners.with_for_update()).all()) < 2 and not self._owners:
            raise LastOwner

    def lock(self, connection: Connection, profile: Profile) -> Known:
        """Hold somebody's row in a transaction of the caller's, made new where there is none."""
        self._note(connection, profile)
        return self._known(self._locked(connection, profile.id))

    def give(self, connection: Connection, profile: Profile, role: Role, *, by: int | None) -> Known:
        """Give a role in a transaction of the caller's; returns who it was before."""
        before = self._known(self._locked(connection, profile.id))
        self._decide(connection, profile.id, role, by)
        return before

    def _decide(self, connection: Connection, its_id: int, role: Role, by: int | None) -> None:
        decided = {
            "role": role,
            "decided_at": present(),
            "decided_by": by,
            "asked_at": None,
            "cards": None,
            "leave_at": None,
            "told_at": None,
        }
        connection.execute(update(tables.access).where(self._is(its_id)).values(decided))

    # Refusing and asking

    def may_tell(self, its_id: int, *, again_after: timedelta | None) -> bool:
        """Claim the task to tell somebody that they may not use the bot; False: they were told.

        Args:
            again_after: When they may be told once more; None: never.
        """
        now = present()
        untold: ColumnElement[bool] = _access.told_at.is_(None)
        if again_after is not None:
            untold = or_(untold, _access.told_at < now - again_after)
        return self._change(update(tables.access).where(self._is(its_id), untold).values(told_at=now))

    def may_ask(self, its_id: int) -> bool:
        """Claim the task to ask the owners about somebody; False: they were asked, or are asked too much."""
        now = present()
        denied_before = now - ASKED_AGAIN_AFTER
        unasked = or_(
            _access.asked_at.is_(None) & or_(_access.decided_at.is_(None), _access.decided_at < denied_before),
            _access.cards.is_(None) & (_access.asked_at < now - ASKING_LASTS),
        )
        asking = update(tables.access).where(self._is(its_id), _access.role == Role.STRANGER, unasked)
        recently = select(func.count()).select_from(tables.access)
        with self._database.writing() as connection:
            lately = recently.where(self._of_bot(), _access.asked_at > now - timedelta(hours=1))
            if (connection.scalar(lately) or 0) >= MAX_ASKED:
                return False
            return connection.execute(asking.values(asked_at=now, decided_at=None, decided_by=None)).rowcount == 1

    def asked(self, its_id: int, cards: Sequence[tuple[int, int]]) -> Known:
        """Keep the messages that asked; without any, they are asked again later. Returns who it is by now."""
        with self._database.writing() as connection:
            waiting = update(tables.access).where(self._is(its_id), _access.role == Role.STRANGER)
            kept = [list(card) for card in cards] or None
            connection.execute(waiting.where(_access.decided_at.is_(None)).values(cards=kept))
            return self._known(self._locked(connection, its_id))

    # Leaving groups

    def leave_later(self, chat_id: int, *, after: timedelta = LEAVE_AFTER) -> None:
        """Leave a group unless somebody decides for it until then; an earlier term stays."""
        leave_at = present() + after
        unset = (self._is(chat_id), _access.role == Role.STRANGER, _access.leave_at.is_(None))
        self._change(update(tables.access).where(*unset).values(leave_at=leave_at))

    @retrying
    def due_to_leave(self) -> list[Known]:
        """Claim the task to leave these groups; what is not ``left`` comes again after some minutes."""
        now = present()
        due = select(_access.id).where(self._of_bot(), _access.leave_at <= now, _access.role == Role.STRANGER)
        with self._database.writing() as connection:
            ids = list(connection.scalars(due.order_by(_access.id).with_for_update(skip_locked=True)))
            rows = connection.execute(
                update(tables.access)
                .where(self._of_bot(), _access.id.in_(ids))
                .values(leave_at=now + LEAVING_LASTS)
                .returning(tables.access)
            ).all()
            return [self._known(row) for row in rows]

    def left(self, chat_id: int) -> None:
        """Forget that a group was asked about: adding the bot again asks again."""
        nothing = dict.fromkeys(("leave_at", "asked_at", "cards", "told_at"))
        self._change(update(tables.access).where(self._is(chat_id)).values(nothing))

    # Forgetting

    def forget_strangers(self, *, unseen_for: timedelta = STRANGERS_KEPT) -> int:
        """Forget people and groups about whom nobody was asked or has decided; returns how many."""
        last = func.coalesce(_access.told_at, _access.noted_at)
        undecided = (_access.asked_at.is_(None), _access.decided_at.is_(None), _access.leave_at.is_(None))
        stranger = (self._of_bot(), _access.role == Role.STRANGER, *undecided)
        with self._database.writing() as connection:
            old = delete(tables.access).where(*stranger, last < present() - unseen_for)
            return connection.execute(old).rowcount

    # Rows

    def _known(self, row: TableRow) -> Known:
        known = Known(
            Profile(row.id, row.name, row.username, row.language),
            Role(row.role),
            told_at=row.told_at,
            asked_at=row.asked_at,
            cards=tuple((chat, message) for chat, message in row.cards or ()),
            decided_at=row.decided_at,
            decided_by=row.decided_by,
        )
        return replace(known, role=Role.OWNER) if row.id in self._owners else known

    def _note(self, connection: Connection, profile: Profile) -> None:
        connection.execute(_noting(self._database), self._columns(profile))

    def _add(self, connection: Connection, profile: Profile) -> None:
        new = insert_new(self._database, tables.access).values(self._columns(profile))
        connection.execute(new.on_conflict_do_nothing())

    def _columns(self, profile: Profile) -> dict[str, object]:
        return {
            "bot_id": self._bot_id,
            "id": profile.id,
            "role": Role.STRANGER,
            "name": profile.name[:MAX_NAME],
            "username": profile.username[:MAX_USERNAME] if profile.username else None,
            "language": profile.language,
            "noted_at": present(),
        }

    def _locked(self, connection: Connection, its_id: int) -> TableRow:
        return connection.execute(select(tables.access).where(self._is(its_id)).with_for_update()).one()

    def _change(self, statement: Update | Insert) -> bool:
        with self._database.writing() as connection:
            return connection.execute(statement).rowcount == 1

    def _of_bot(self) -> ColumnElement[bool]:
        return _access.bot_id == self._bot_id

    def _is(self, its_id: int) -> ColumnElement[bool]:
        return and_(self._of_bot(), _access.id == its_id)
