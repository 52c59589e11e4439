"""Brings a database to the present schema, with Alembic."""

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


def is_current(database: Database) -> bool:
    """Whether the database has the schema which this code was written for."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
