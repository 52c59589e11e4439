"""The pictures that a person or a group has had made: in pages, by words, favourites, and their removal."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, update

from shared.history import KEPT_FOR, MAX_SEARCH, HistoryView, Wanted
from shared.jobs import Job, Parameters, State
from shared.search_terms import of_group, of_person, wanted_terms
from shared.store import tables
from shared.store.database import Database, insert_new, retrying
from shared.store.job_states import state_is
from shared.store.picture_terms import forget_terms, found, has_them
from shared.store.rows import read_job
from shared.store.types import TableRow, TableSelect

NEAREST = 250  # pictures whose terms Postgres looks at one by one
MODELS_OF = 500  # pictures whose models are offered as a filter, the newest
WITHOUT_WORDS = {
    "idea": "",
    "parameters": asdict(Parameters()),
    **dict.fromkeys(("subject", "writing", "prompt", "negative_prompt", "title", "idea_language", "recipe", "handle")),
    **dict.fromkeys(("picture_key", "picture_type", "image_key", "media_type", "file_id", "delivered_message_id")),
}
"""What is left of a picture that was removed: who had it made where, when, by which model, and what it cost."""

_jobs, _favourites, _views = tables.jobs.c, tables.favourites.c, tables.history_views.c


class History:
    """What was made, one transaction a method. Pages go by id, so that each takes the same time."""

    def __init__(self, database: Database, bot_id: int, *, nearest: int = NEAREST) -> None:
        """Look at the pictures of this bot; in Postgres, at the terms of the ``nearest`` ones one by one."""
        self._nearest = nearest
        self._database = database
        self._bot_id = bot_id

    # Pictures

    def page(self, wanted: Wanted, *, before: int | None = None, after: int | None = None, limit: int) -> list[Job]:
        """Up to so many pictures, newest first: those next older than ``before``, or next newer than ``after``."""
        with self._database.reading() as connection:
            if wanted.search or wanted.model is not None or wanted.chat_id is not None:
                return self._found(connection, wanted, Span(before, after), limit)
            chosen, at = select(tables.jobs).where(*self._conditions(wanted)), _jobs.id
            if wanted.favourites:
                chosen, at = _among_favourites(chosen, _jobs.id, wanted.owner_id), _favourites.job_id
            rows = connection.execute(Span(before, after).of(chosen, at).limit(limit))
            return sorted((read_job(row) for row in rows), key=_newest_first)

    def _found(self, connection: Connection, wanted: Wanted, span: "Span", limit: int) -> list[Job]:
        """By terms: their index tells ids alone, so a few at a time are looked up."""
        if wanted.search and not wanted_terms(wanted.search):
            return []  # Signs alone: nothing has them.
        owners = self._owner_terms(connection, wanted)
        having = found(self._database, wanted, owners)
        ids = select(having.c.job_id)
        if wanted.favourites:
            # As a condition, so that SQLite goes through what has the terms, and asks its index for them but once.
            ids = ids.where(
                exists().where(_favourites.owner_id == wanted.owner_id, _favourites.job_id == having.c.job_id)
            )
        jobs: list[Job] = []
        rest: Span | None = span
        if not (self._database.is_sqlite or wanted.favourites):
            jobs, rest = self._among_nearest(connection, wanted, owners, span, limit)
        while rest is not None and len(jobs) < limit:
            some = connection.scalars(rest.of(ids, having.c.job_id).limit(limit)).all()
            jobs += self._read(connection, wanted, some)
            rest = None if len(some) < limit else rest.beyond(some[-1])
        jobs.sort(key=_newest_first)
        return jobs[:limit] if span.after is None else jobs[-limit:]

    def _among_nearest(
        self, connection: Connection, wanted: Wanted, owners: Sequence[str], span: "Span", limit: int
    ) -> "tuple[list[Job], Span | None]":
        """Those of the next pictures that have the terms, and where to go on; None where there are no others.

        Postgres' index tells all that have a term, in no order, and each is then read from the table: of a frequent
        term thousands for a page. Most pages of such a term end here, and what goes on has few.
        """
        nearest = span.of(select(_jobs.id).where(*self._conditions(wanted)), _jobs.id).limit(self._nearest)
        near, terms = nearest.cte("near").prefix_with("MATERIALIZED"), tables.picture_terms
        looked = select(near.c.id, has_them(wanted, owners)).outerjoin(terms, terms.c.job_id == near.c.id)
        seen = {row[0]: row[1] for row in connection.execute(looked)}
        in_order = sorted(seen, reverse=span.after is None)
        having = [job_id for job_id in in_order if seen[job_id]][:limit]
        return self._read(connection, wanted, having), span.beyond(in_order[-1]) if len(seen) == self._nearest else None

    def _read(self, connection: Connection, wanted: Wanted, ids: Sequence[int]) -> list[Job]:
        theirs = select(tables.jobs).where(_jobs.id.in_(ids), *self._conditions(wanted))
        return sorted((read_job(row) for row in connection.execute(theirs)), key=_newest_first)

    def _conditions(self, wanted: Wanted) -> list[ColumnElement[bool]]:
        stored = _jobs.image_key.is_not(None)
        shown = stored if wanted.with_original else or_(stored, _jobs.file_id.is_not(None))
        conditions = [_jobs.bot_id == self._bot_id, shown, state_is(State.FINISHED)]
        if wanted.owner_id < 0:
            return [*conditions, _jobs.chat_id == wanted.owner_id, ~_jobs.private]
        return [*conditions, _jobs.user_id == wanted.owner_id]

    @staticmethod
    def _owner_terms(connection: Connection, wanted: Wanted) -> list[str]:
        if wanted.owner_id > 0:
            return [of_person(wanted.owner_id)]
        # What was made before the group became a supergroup bears the number that it had then.
        moved = tables.moved_chats.c
        before = connection.scalars(select(moved.chat_id).where(moved.moved_to == wanted.owner_id))
        return [of_group(wanted.owner_id), *map(of_group, before)]

    def models(self, wanted: Wanted) -> list[str]:
        """The image models of the newest pictures, the most used first; filters do not count."""
        everything = Wanted(wanted.bot_id, wanted.owner_id)
        newest = select(_jobs.image_model).where(*self._conditions(everything), _jobs.image_model.is_not(None))
        some = newest.order_by(_jobs.id.desc()).limit(MODELS_OF).subquery()
        by_use = select(some.c.image_model).group_by(some.c.image_model).order_by(func.count().desc())
        with self._database.reading() as connection:
            return list(connection.scalars(by_use))

    def keep_file_id(self, job_id: int, file_id: str) -> None:
        """Write down under which id Telegram keeps the picture as a photo."""
        with self._database.writing() as connection:
            connection.execute(
                update(tables.jobs).where(_jobs.id == job_id, _jobs.image_key.is_not(None)).values(file_id=file_id)
            )

    @retrying
    def remove(self, job_id: int) -> None:
        """Remove what a picture says and shows from the record; what was spent on it stays. Twice is once."""
        with self._database.writing() as connection:
            mine = (_jobs.id == job_id, _jobs.bot_id == self._bot_id, state_is(State.FINISHED))
            connection.execute(update(tables.jobs).where(*mine).values(WITHOUT_WORDS))
            forget_terms(connection, [job_id])
            connection.execute(delete(tables.favourites).where(_favourites.job_id == job_id))

    # Favourites

    def favourites_among(self, owner_id: int, job_ids: Collection[int]) -> set[int]:
        """Those of these pictures that are favourites of a person or a group."""
        theirs = select(_favourites.job_id).where(_favourites.owner_id == owner_id, _favourites.job_id.in_(job_ids))
        with self._database.reading() as connection:
            return set(connection.scalars(theirs))

    def set_favourite(self, owner_id: int, job_id: int, *, is_one: bool) -> None:
        """Make a picture a favourite, or none any more. Twice is once."""
        with self._database.writing() as connection:
            if is_one:
                new = insert_new(self._database, tables.favourites)
                row = {"owner_id": owner_id, "job_id": job_id, "at": datetime.now(UTC)}
                connection.execute(new.values(row).on_conflict_do_nothing())
            else:
                one = (_favourites.owner_id == owner_id, _favourites.job_id == job_id)
                connection.execute(delete(tables.favourites).where(*one))

    # What messages show

    def open_view(self, wanted: Wanted, *, chat_id: int, user_id: int) -> HistoryView:
        """Write down what a message is about to show; this person's of long ago are forgotten."""
        now = datetime.now(UTC)
        row = {"bot_id": self._bot_id, "chat_id": chat_id, "user_id": user_id, "at": now} | _filters(wanted)
        old = _views.at < now - KEPT_FOR
        with self._database.writing() as connection:
            connection.execute(delete(tables.history_views).where(_views.user_id == user_id, old))
            view_id = connection.execute(insert(tables.history_views).values(row)).inserted_primary_key
            return HistoryView(view_id[0] if view_id else 0, chat_id, user_id, wanted)

    def view(self, view_id: int) -> HistoryView | None:
        """What a message shows; None where that was forgotten."""
        one = select(tables.history_views).where(_views.id == view_id, _views.bot_id == self._bot_id)
        with self._database.reading() as connection:
            row = connection.execute(one).first()
            return _read_view(row) if row else None

    def change_view(self, view_id: int, wanted: Wanted) -> None:
        """Write down that a message shows other pictures."""
        with self._database.writing() as connection:
            connection.execute(update(tables.history_views).where(_views.id == view_id).values(_filters(wanted)))


@dataclass(frozen=True, slots=True)
class Span:
    """The pictures older than one, newest first, or newer than one, oldest first."""

    before: int | None = None
    after: int | None = None

    def of(self, chosen: TableSelect, at: ColumnElement[int]) -> TableSelect:
        """Those of a selection; ``at`` is the column with their ids."""
        if self.after is not None:
            return chosen.where(at > self.after).order_by(at.asc())
        return (chosen if self.before is None else chosen.where(at < self.before)).order_by(at.desc())

    def beyond(self, job_id: int) -> "Span":
        """What comes after one of them."""
        return Span(before=job_id) if self.after is None else Span(after=job_id)


def _newest_first(job: Job) -> int:
    return -job.id


def _among_favourites(chosen: TableSelect, at: ColumnElement[int], owner_id: int) -> TableSelect:
    theirs = chosen.join(tables.favourites, _favourites.job_id == at)
    return theirs.where(_favourites.owner_id == owner_id)


def _filters(wanted: Wanted) -> dict[str, object]:
    return {
        "search": wanted.search[:MAX_SEARCH],
        "favourites": wanted.favourites,
        "model": wanted.model,
        "here": wanted.chat_id is not None,
    }


def _read_view(row: TableRow) -> HistoryView:
    owner_id = row.chat_id if row.chat_id < 0 else row.user_id
    here = row.chat_id if row.here else None
    wanted = Wanted(row.bot_id, owner_id, row.search, row.favourites, row.model, here)
    return HistoryView(row.id, row.chat_id, row.user_id, wanted)
