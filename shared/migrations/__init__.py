"""Brings a database to the present schema, with Alembic.

Alembic is imported where tables are changed: it takes a tenth of a second and eleven megabytes, and most processes find
their tables up to date. A new database of SQLite is made from one file, with all tables as they are now.
"""

import functools
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, String, column, func, insert, inspect, select, table, text

from shared.store.database import Database
from shared.store.locks import AdvisoryLock

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
SCHEMA = HERE / "sqlite.sql"  # all tables of SQLite; `make schema` writes it
_REVISION = column("version_num", String)
_MARK = table("alembic_version", _REVISION)  # where Alembic writes down to which revision it has brought the tables


def config(connection: object = None) -> "Config":
    """Alembic's configuration, without a file."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


def migrate(database: Database) -> None:
    """Create or upgrade the tables; safe to run at any time, also by several at once."""
    with database.writing() as connection:
        if not database.is_sqlite:
            # Two that start at the same moment: the second waits, then finds nothing to do.
            connection.execute(select(func.pg_advisory_xact_lock(AdvisoryLock.MIGRATION)))
        elif not connection.scalar(text("SELECT count(*) FROM sqlite_master")):
            _create(connection)
            return
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Take all steps that this database has not taken yet."""
    from alembic import command

    command.upgrade(config(connection), "head")


def _create(connection: Connection) -> None:
    """Create at once in SQLite what all steps together come to."""
    for statement in SCHEMA.read_text(encoding="utf-8").strip().split("\n\n"):
        connection.exec_driver_sql(statement)
    connection.execute(insert(_MARK).values({_REVISION: revisions()[-1]}))


class Tables(Enum):
    """How a database's tables stand to this code."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"


def state_of(database: Database) -> Tables:
    """Compare the database's schema with the one that this code was written for.

    Raises:
        StoreAway: The database does not answer.
    """
    with database.reading() as connection:
        is_marked = inspect(connection).has_table(_MARK.name)
        found = set(connection.scalars(select(_REVISION).select_from(_MARK))) if is_marked else set()
    *_, newest = revisions()
    if found == {newest}:
        return Tables.CURRENT
    return Tables.OLDER if found <= set(revisions()) else Tables.NEWER


@functools.cache
def revisions() -> tuple[str, ...]:
    """All revisions of the schema, oldest first; their files are named for them."""
    return tuple(sorted(file.name.partition("_")[0] for file in (HERE / "versions").glob("[0-9]*_*.py")))


def is_current(database: Database) -> bool:
    """Whether the database has the schema which this code was written for."""
    return state_of(database) is Tables.CURRENT
