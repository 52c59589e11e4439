"""The pictures that a person or a group has had made: in pages, by words, favourites, and their removal."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update

from shared.clock import present
from shared.history import KEPT_FOR, MAX_SEARCH, HistoryView, Preview, Wanted
from shared.jobs import Job, Parameters, State
from shared.search_terms import of_group, of_person, wanted_terms
from shared.store import tables
from shared.store.database import Database, insert_new, retrying
from shared.store.job_states import state_is
from shared.store.picture_pages import (
    BRIEF,
    WHOLE,
    Columns,
    Way,
    Whose,
    by_ids,
    ids_by_terms,
    models,
    nearest,
    newest,
)
from shared.store.picture_terms import as_query, forget_terms
from shared.store.rows import read_job
from shared.store.types import TableRow

NEAREST = 250  # pictures whose terms Postgres looks at one by one
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
        return [read_job(row) for row in self._rows(wanted, Span(before, after), limit, WHOLE)]

    def previews(self, wanted: Wanted, *, before: int | None = None, limit: int) -> list[Preview]:
        """The same, with no more of each picture than a list shows: most of what a page costs is reading whole jobs."""
        return [_read_preview(row) for row in self._rows(wanted, Span(before), limit, BRIEF)]

    def _rows(self, wanted: Wanted, span: "Span", limit: int, columns: Columns) -> list[TableRow]:
        with self._database.reading() as connection:
            if wanted.search or wanted.model is not None or wanted.chat_id is not None:
                return self._found(connection, wanted, span, limit, columns)
            page = newest(_whose(wanted), span.way, columns)
            rows = connection.execute(page, self._values(wanted, span, rows=limit))
            return sorted(rows, key=_newest_first)

    def _found(
        self, connection: Connection, wanted: Wanted, span: "Span", limit: int, columns: Columns
    ) -> list[TableRow]:
        """By terms: their index tells ids alone, so a few at a time are looked up."""
        if wanted.search and not wanted_terms(wanted.search):
            return []  # Signs alone: nothing has them.
        is_sqlite, owners = self._database.is_sqlite, self._owner_terms(connection, wanted)
        terms = as_query(wanted, owners, is_sqlite=is_sqlite)
        found: list[TableRow] = []
        rest: Span | None = span
        if not (is_sqlite or wanted.favourites):
            ids, rest = self._among_nearest(connection, wanted, terms, span)
            found = self._read(connection, wanted, ids[:limit], columns)
        while rest is not None and len(found) < limit:
            those = ids_by_terms(_whose(wanted), rest.way, is_sqlite=is_sqlite)
            some = connection.scalars(those, self._values(wanted, rest, rows=limit, terms=terms)).all()
            found += self._read(connection, wanted, some, columns)
            rest = None if len(some) < limit else rest.beyond(some[-1])
        found.sort(key=_newest_first)
        return found[:limit] if span.after is None else found[-limit:]

    def _among_nearest(
        self, connection: Connection, wanted: Wanted, terms: str, span: "Span"
    ) -> "tuple[list[int], Span | None]":
        """Those of the next pictures that have the terms, and where to go on; None where there are no others.

        Postgres' index tells all that have a term, in no order, and each is then read from the table: of a frequent
        term thousands for a page. Most pages of such a term end here, and what goes on has few.
        """
        looking, values = nearest(_whose(wanted), span.way), self._values(wanted, span, rows=self._nearest, terms=terms)
        looked = connection.execute(looking, values)
        seen = {row.id: row.has_them for row in looked}
        in_order = sorted(seen, reverse=span.after is None)
        having = [job_id for job_id in in_order if seen[job_id]]
        return having, span.beyond(in_order[-1]) if len(seen) == self._nearest else None

    def _read(self, connection: Connection, wanted: Wanted, ids: Sequence[int], columns: Columns) -> list[TableRow]:
        if not ids:
            return []
        return list(connection.execute(by_ids(_whose(wanted), columns), self._values(wanted, Span(), ids=ids)))

    def _values(self, wanted: Wanted, span: "Span", **others: object) -> dict[str, object]:
        at = {} if span.at is None else {"at": span.at}
        return {"bot": self._bot_id, "owner": wanted.owner_id} | at | others

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
        with self._database.reading() as connection:
            return list(connection.scalars(models(Whose(wanted.owner_id < 0)), self._values(wanted, Span())))

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
                row = {"owner_id": owner_id, "job_id": job_id, "at": present()}
                connection.execute(new.values(row).on_conflict_do_nothing())
            else:
                one = (_favourites.owner_id == owner_id, _favourites.job_id == job_id)
                connection.execute(delete(tables.favourites).where(*one))

    # What messages show

    def open_view(self, wanted: Wanted, *, chat_id: int, user_id: int) -> HistoryView:
        """Write down what a message is about to show; this person's of long ago are forgotten."""
        now = present()
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

    @property
    def way(self) -> Way:
        """Which of them come next."""
        if self.after is not None:
            return Way.NEWER
        return Way.NEWEST if self.before is None else Way.OLDER

    @property
    def at(self) -> int | None:
        """The picture where they begin."""
        return self.before if self.after is None else self.after

    def beyond(self, job_id: int) -> "Span":
        """What comes after one of them."""
        return Span(before=job_id) if self.after is None else Span(after=job_id)


def _newest_first(row: TableRow) -> int:
    return -int(row.id)


def _whose(wanted: Wanted) -> Whose:
    return Whose(wanted.owner_id < 0, wanted.with_original, wanted.favourites)


def _read_preview(row: TableRow) -> Preview:
    return Preview(row.id, row.idea, row.language, row.title, row.prompt, row.image_model, row.file_id)


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
