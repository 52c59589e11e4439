"""Statements that read pages of somebody's pictures. Each is put together once: that takes longer than running it.

Their values are ``bot``, ``owner`` and ``rows``; ``at`` unless the way is the newest, ``terms`` where words are looked
for, and ``ids`` where pictures are.
"""

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Integer, bindparam, exists, func, or_, select

from shared.jobs import State
from shared.store import tables
from shared.store.job_states import state_is
from shared.store.picture_terms import HAVE_THEM, found
from shared.store.types import TableSelect

MODELS_OF = 500  # pictures whose models are offered as a filter, the newest

_jobs, _favourites = tables.jobs.c, tables.favourites.c
OWNER: BindParameter[int] = bindparam("owner")
AT: BindParameter[int] = bindparam("at")
ROWS: BindParameter[int] = bindparam("rows", type_=Integer)

Columns: TypeAlias = tuple[Any, ...]
WHOLE: Columns = (tables.jobs,)
BRIEF: Columns = (
    *(_jobs.id, _jobs.idea, _jobs.language, _jobs.title, _jobs.prompt),
    *(_jobs.image_model, _jobs.file_id),
)


class Way(Enum):
    """Which pictures come next."""

    NEWEST = auto()
    OLDER = auto()
    NEWER = auto()

    def of(self, chosen: TableSelect, at: ColumnElement[int]) -> TableSelect:
        """Those of a selection, in this order; ``at`` is the column with their ids."""
        if self is Way.NEWER:
            return chosen.where(at > AT).order_by(at.asc())
        return (chosen.where(at < AT) if self is Way.OLDER else chosen).order_by(at.desc())


@dataclass(frozen=True, slots=True)
class Whose:
    """Among which pictures it is looked, as far as that changes a statement."""

    is_group: bool
    with_original: bool = False
    favourites: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """What is true of each of them, but for being a favourite."""
        stored = _jobs.image_key.is_not(None)
        shown = stored if self.with_original else or_(stored, _jobs.file_id.is_not(None))
        conditions = [_jobs.bot_id == bindparam("bot"), shown, state_is(State.FINISHED)]
        if self.is_group:
            return [*conditions, _jobs.chat_id == OWNER, ~_jobs.private]
        return [*conditions, _jobs.user_id == OWNER]


@cache
def newest(whose: Whose, way: Way, columns: Columns) -> TableSelect:
    """A page of all of them."""
    chosen, at = select(*columns).where(*whose.conditions()), _jobs.id
    if whose.favourites:
        chosen, at = chosen.join(tables.favourites, _favourites.job_id == _jobs.id), _favourites.job_id
        chosen = chosen.where(_favourites.owner_id == OWNER)
    return way.of(chosen, at).limit(ROWS)


@cache
def ids_by_terms(whose: Whose, way: Way, *, is_sqlite: bool) -> TableSelect:
    """The ids of a page of what has the terms, as the index tells them."""
    having = found(is_sqlite=is_sqlite, favourites=whose.favourites)
    ids = select(having.c.job_id)
    if whose.favourites:
        # As a condition, so that SQLite goes through what has the terms, and asks its index for them but once.
        ids = ids.where(exists().where(_favourites.owner_id == OWNER, _favourites.job_id == having.c.job_id))
    return way.of(ids, having.c.job_id).limit(ROWS)


@cache
def nearest(whose: Whose, way: Way) -> TableSelect:
    """The ids of the next pictures in Postgres, and of each whether it has the terms."""
    chosen = way.of(select(_jobs.id).where(*whose.conditions()), _jobs.id).limit(ROWS)
    near, terms = chosen.cte("near").prefix_with("MATERIALIZED"), tables.picture_terms
    return select(near.c.id, HAVE_THEM.label("has_them")).outerjoin(terms, terms.c.job_id == near.c.id)


@cache
def by_ids(whose: Whose, columns: Columns) -> TableSelect:
    """Those of these pictures that are among them."""
    return select(*columns).where(_jobs.id.in_(bindparam("ids", expanding=True)), *whose.conditions())


@cache
def models(whose: Whose) -> TableSelect:
    """The image models of the newest, the most used first."""
    those = select(_jobs.image_model).where(*whose.conditions(), _jobs.image_model.is_not(None))
    some = those.order_by(_jobs.id.desc()).limit(MODELS_OF).subquery()
    return select(some.c.image_model).group_by(some.c.image_model).order_by(func.count().desc())
