"""The terms under which pictures are found: written with the picture, and asked for in either database's own way."""

from collections.abc import Sequence

from sqlalchemy import CTE, Connection, String, bindparam, cast, column, delete, literal_column, select, table
from sqlalchemy.dialects.postgresql import TSQUERY

from shared.history import Wanted
from shared.search_terms import IN_PRIVATE, of_group, of_model, of_person, owned, terms_of, wanted_terms
from shared.store import tables
from shared.store.database import AnyInsert, Database, InsertInto, built_once
from shared.store.types import TableRow

_index = table("picture_terms_index", column("rowid"))
_terms = tables.picture_terms.c


_jobs = tables.jobs.c
FOUND_BY = (_jobs.user_id, _jobs.chat_id, _jobs.private, _jobs.image_model, _jobs.idea, _jobs.title, _jobs.prompt)


@built_once
def _keeping(insert: InsertInto) -> AnyInsert:
    return insert(tables.picture_terms).on_conflict_do_nothing()


def keep_terms(database: Database, connection: Connection, job_id: int, found_by: TableRow) -> None:
    """Have a picture found from now on, in its caller's transaction.

    Args:
        found_by: Its job's ``FOUND_BY``.
    """
    connection.execute(_keeping(database), {"job_id": job_id, "terms": all_terms(*tuple(found_by))})


def all_terms(
    user_id: int,
    chat_id: int,
    private: bool,
    image_model: str | None,
    *texts: str | None,
) -> list[str]:
    """The terms of a picture: words, place and model, of its person, and of its group where it has one. Pure."""
    terms = [*([IN_PRIVATE] if private else []), *([of_model(image_model)] if image_model else []), *terms_of(texts)]
    owners = [of_person(user_id)] if private else [of_person(user_id), of_group(chat_id)]
    return [owned(owner, term) for owner in owners for term in terms]


def forget_terms(connection: Connection, job_ids: Sequence[int]) -> None:
    """Have pictures found no more, in its caller's transaction."""
    connection.execute(delete(tables.picture_terms).where(_terms.job_id.in_(job_ids)))


Terms = Sequence[Sequence[tuple[str, bool]]]  # for each owner all that must be there


HAVE_THEM = _terms.terms.op("@@")(cast(bindparam("terms", type_=String), TSQUERY))
"""Whether a row of ``picture_terms`` in Postgres has all words, and passes the filters, as ``terms`` says."""


def found(*, is_sqlite: bool, favourites: bool) -> CTE:
    """The pictures that have all words, and pass the filters, as ``terms`` says: ``found.job_id``.

    Args:
        favourites: They are then looked for among somebody's favourites.
    """
    if is_sqlite:
        matching = literal_column("picture_terms_index").op("MATCH")(bindparam("terms", type_=String))
        return select(_index.c.rowid.label("job_id")).where(matching).cte("found")
    # Kept apart, so that Postgres asks the index for the terms, and does not look through all from the newest on.
    # Favourites are few: their terms are looked at one by one.
    cte = select(_terms.job_id).where(HAVE_THEM).cte("found")
    return cte if favourites else cte.prefix_with("MATERIALIZED")


def as_query(wanted: Wanted, owners: Sequence[str], *, is_sqlite: bool) -> str:
    """All words and filters, as a database reads them.

    Args:
        owners: What begins a picture's terms; for each of them it is looked.
    """
    theirs = _terms_of(wanted, owners)
    if is_sqlite:
        return " OR ".join(_all(terms, " AND ", '"{}"', '"{}"*') for terms in theirs)
    return " | ".join(_all(terms, " & ", "'{}'", "'{}':*") for terms in theirs)


def _terms_of(wanted: Wanted, owners: Sequence[str]) -> Terms:
    terms = wanted_terms(wanted.search)
    terms += [(IN_PRIVATE, False)] if wanted.chat_id is not None else []
    terms += [(of_model(wanted.model), False)] if wanted.model is not None else []
    return [[(owned(owner, term), is_beginning) for term, is_beginning in terms] for owner in owners]


def _all(terms: Sequence[tuple[str, bool]], sign: str, whole: str, beginning: str) -> str:
    """Terms as a database reads them; they are letters, digits and ``_`` alone."""
    return f"({sign.join((beginning if is_beginning else whole).format(term) for term, is_beginning in terms)})"
