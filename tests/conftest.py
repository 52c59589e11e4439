"""The databases in which the record is kept: a test that asks for ``database`` runs on both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import OTHER_REDIS_URL, postgres_database, redis_database

from shared.migrations import migrate
from shared.store.database import Database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'g2d.db'}"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A new and empty database in Postgres, as the settings would hold it after ``postgresql://`` was read."""
    with postgres_database() as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The tests' own database in Redis, empty."""
    with redis_database(OTHER_REDIS_URL) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with all tables, of either kind."""
    made = Database(request.getfixturevalue(f"{request.param}_url"))
    try:
        migrate(made)
        yield made
    finally:
        made.close()
