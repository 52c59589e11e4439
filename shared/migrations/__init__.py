"""Brings a database to the present schema, with Alembic."""

from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select

from shared.store.database import Database
from shared.store.locks import AdvisoryLock


def config(connection: object = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


def migrate(database: Database) -> None:
    """Create or upgrade the tables; safe to run at any time, also by several at once."""
    with database.writing() as connection:
        if not database.is_sqlite:
            # Two that start at the same moment: the second waits, then finds nothing to do.
            connection.execute(select(func.pg_advisory_xact_lock(AdvisoryLock.MIGRATION)))
        command.upgrade(config(connection), "head")


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
    script = ScriptDirectory.from_config(config())
    with database.reading() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == script.get_current_head():
        return Tables.CURRENT
    known = {one.revision for one in script.walk_revisions()}
    return Tables.OLDER if found is None or found in known else Tables.NEWER


def is_current(database: Database) -> bool:
    """Whether the database has the schema which this code was written for."""
    return state_of(database) is Tables.CURRENT
