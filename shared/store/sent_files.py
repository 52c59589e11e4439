"""The record of what people sent: how much within a day, and when a file of theirs is to be deleted."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, cast, delete, exists, or_, select, update

from shared.clock import present
from shared.errors import TooMuchSent
from shared.jobs import Sender
from shared.store import tables
from shared.store.database import Database, insert_new, retrying
from shared.store.fair_queue import know
from shared.store.job_states import UNDER_WAY

MEGABYTE = 1024 * 1024
DAY = timedelta(days=1)
LEASE = timedelta(minutes=10)  # for deleting some files; after a kill somebody else does it

_files = tables.sent_files.c
_UNFINISHED = [str(state) for state in UNDER_WAY]


class SentFiles:
    """The rows of files that lie, or lay, in the image store, one transaction a method."""

    def __init__(self, database: Database, *, most_megabytes: int = 200) -> None:
        """Let each person send so many megabytes within 24 hours."""
        self._database = database
        self._most = most_megabytes

    @retrying
    def make_room(self, key: str, sender: Sender, size: int) -> None:
        """Note that a person sends a file of so many bytes. The same key again is the same file.

        Raises:
            TooMuchSent: With it they would have sent more within 24 hours than one may.
        """
        now = present()
        row = {"user_id": sender.id, "bytes": size, "kept_at": now, "is_refused": False}
        new = insert_new(self._database, tables.sent_files).values(key=key, **row)
        with self._database.writing() as connection:
            know(self._database, connection, sender, now)  # Of one person's files one at a time is counted.
            seconds = _until_room(_of_today(connection, sender.id, key, now), size, self._most * MEGABYTE, now)
            if seconds > 0:
                raise TooMuchSent(seconds, limit=self._most)
            connection.execute(
                new.on_conflict_do_update(index_elements=["key"], set_=row | {"leased_until": None, "gone_at": None})
            )

    def not_kept(self, key: str, *, counts: bool) -> None:
        """Note that a file is not wanted in the store; one that lies there all the same is deleted.

        Args:
            counts: Whether it was fetched, and so counts towards what its person may send.
        """
        values = {"is_refused": True, **({} if counts else {"bytes": 0})}
        with self._database.writing() as connection:
            connection.execute(update(tables.sent_files).where(_files.key == key).values(values))

    def refuse(self, keys: Collection[str]) -> None:
        """Have files deleted as soon as no unfinished work needs them, because nothing can be made of them."""
        with self._database.writing() as connection:
            theirs = select(_files.key).where(_files.key.in_(keys)).order_by(_files.key).with_for_update()
            connection.execute(update(tables.sent_files).where(_files.key.in_(theirs)).values(is_refused=True))

    # Deleting

    def claim_refused(self, *, limit: int) -> list[str]:
        """Take on the deletion of files that were refused, for as long as the lease runs."""
        return self._claim(_files.is_refused, limit)

    def claim_old(self, keep: timedelta, *, limit: int) -> list[str]:
        """Take on the deletion of the oldest files that were kept for so long, for as long as the lease runs."""
        return self._claim(_files.kept_at < present() - keep, limit)

    @retrying
    def _claim(self, condition: ColumnElement[bool], limit: int) -> list[str]:
        now = present()
        free = or_(_files.leased_until.is_(None), _files.leased_until < now)
        wanted = (
            select(_files.key)
            .where(condition, _files.gone_at.is_(None), free, ~_needed_by_job(), ~_needed_by_errand())
            .order_by(_files.kept_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claimed = update(tables.sent_files).where(_files.key.in_(wanted)).values(leased_until=now + LEASE)
        with self._database.writing() as connection:
            return list(connection.scalars(claimed.returning(_files.key)))

    def gone(self, keys: Sequence[str]) -> None:
        """Note that files were deleted."""
        with self._database.writing() as connection:
            theirs = select(_files.key).where(_files.key.in_(keys)).order_by(_files.key).with_for_update()
            deleted = {"gone_at": present(), "leased_until": None}
            connection.execute(update(tables.sent_files).where(_files.key.in_(theirs)).values(deleted))

    @retrying
    def forget(self, *, limit: int) -> int:
        """Delete rows of files that are gone and count no more; returns how many."""
        over = (
            select(_files.key)
            .where(_files.gone_at.is_not(None), _files.kept_at < present() - DAY)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as connection:
            return connection.execute(delete(tables.sent_files).where(_files.key.in_(over))).rowcount


def _of_today(connection: Connection, user_id: int, but: str, now: datetime) -> list[tuple[datetime, int]]:
    """When this person sent other files within a day, and of how many bytes, oldest first."""
    mine = (_files.user_id == user_id, _files.kept_at > now - DAY, _files.key != but, _files.bytes > 0)
    rows = connection.execute(select(_files.kept_at, _files.bytes).where(*mine).order_by(_files.kept_at))
    return [(kept_at, size) for kept_at, size in rows]


def _until_room(sent: list[tuple[datetime, int]], size: int, limit: int, now: datetime) -> float:
    """Seconds until a file fits beside those that were sent within a day, oldest first; 0 where it fits now."""
    too_much, seconds = sum(bytes_ for _, bytes_ in sent) + size - limit, 0.0
    for kept_at, bytes_ in sent:
        if too_much <= 0:
            break
        too_much -= bytes_
        seconds = max((kept_at + DAY - now).total_seconds(), 1.0)
    return seconds if too_much <= 0 else DAY.total_seconds()


def _needed_by_job() -> ColumnElement[bool]:
    jobs = tables.jobs.c
    return exists().where(jobs.picture_key == _files.key, jobs.state.in_(_UNFINISHED))


def _needed_by_errand() -> ColumnElement[bool]:
    errands = tables.errands.c
    # These are few, and have an index: what is unfinished has not been delivered.
    open_ones = (errands.delivered_at.is_(None), errands.state.in_(_UNFINISHED))
    names_it = cast(errands.question, sqlalchemy.Text).like('%"' + _files.key + '"%')
    return exists().where(*open_ones, names_it)
