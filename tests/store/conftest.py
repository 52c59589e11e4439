"""Both databases, made once and emptied for every test: making one takes longer than most tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.migrations import migrate
from shared.store.database import Database
from tests.builders import empty
from tests.servers import postgres_database


@pytest.fixture(scope="session")
def _sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "empty.db"
    made = Database(f"sqlite:///{file}")
    migrate(made)
    made.close()
    return file


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Database]:
    with postgres_database() as url:
        made = Database(url.replace("postgresql://", "postgresql+psycopg://", 1))
        migrate(made)
        yield made
        made.close()


@pytest.fixture
def sqlite(_sqlite_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database of the embedded kind."""
    file = shutil.copy(_sqlite_file, tmp_path / "g2d.db")
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def postgres(_postgres: Database) -> Database:
    """An empty database of the distributed kind."""
    empty(_postgres)
    return _postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of either kind."""
    chosen: Database = request.getfixturevalue(request.param)
    return chosen
