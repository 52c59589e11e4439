"""The tables of SQLite as all migrations together make them, for databases that are made anew.

``make schema`` writes the file after a new migration; the tests see to it that it says what the migrations make.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from shared.migrations import SCHEMA, upgrade
from shared.store.database import Database


def schema() -> str:
    """All statements, an empty line between two of them."""
    with TemporaryDirectory() as folder, Database(f"sqlite:///{Path(folder) / 'g2d.db'}") as database:
        with database.writing() as connection:
            upgrade(connection)
        with database.reading() as connection:
            return "\n\n".join(statements(connection)) + "\n"


def statements(connection: Connection) -> list[str]:
    """What makes these tables, indexes and triggers, in the order in which they were made."""
    made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").all()
    virtual = [name for name, sql in made if sql.startswith("CREATE VIRTUAL TABLE")]
    # The tables behind a virtual one are made with it.
    return [_tidy(sql) for name, sql in made if not any(name.startswith(f"{one}_") for one in virtual)]


def _tidy(sql: str) -> str:
    return re.sub(r"[ \t]+\n", "\n", sql)


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
