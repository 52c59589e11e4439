"""Sets of the states of a job, and conditions on them as the partial indexes spell them."""

from sqlalchemy import ColumnElement, FromClause, literal_column

from shared.jobs import State
from shared.store import tables

IN_FLIGHT = (State.QUEUED, State.WORKING, State.WAITING)
UNDER_WAY = (State.HELD, *IN_FLIGHT)
ALONE = tables.jobs.c.batch_id.is_(None)


def state_is(*states: State, of: FromClause | None = None) -> ColumnElement[bool]:
    """A condition on a job's state, written out: an index that holds some states serves no bound value."""
    column = (tables.jobs if of is None else of).c.state
    names: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    return column == names[0] if len(names) == 1 else column.in_(names)
