"""All tables in a new SQLite database, at the price of copying a file."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.migrations import migrate
from shared.store.database import Database


def create_tables(database: Database) -> None:
    """Create all tables in a SQLite database whose file does not exist yet."""
    assert database.is_sqlite
    assert database.engine.url.database is not None
    with Path(database.engine.url.database).open("xb") as file:
        file.write(_migrated())


@functools.cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "g2d.db"
        with Database(f"sqlite:///{file}") as database:
            migrate(database)
        return file.read_bytes()
