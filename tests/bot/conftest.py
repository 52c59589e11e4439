"""A stand-in for Telegram, a bot's application that talks to it, and a record for handlers without an application."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from sandbox.app import Sandbox
from sandbox.client import SandboxClient
from shared.store import tables
from shared.store.access import Roles
from shared.store.database import Database
from tests.bot.stage import BOT
from tests.bot.updates_scene import Scene
from tests.sqlite_tables import create_tables

EMPTY = "BEGIN;{}COMMIT;".format("".join(f"DELETE FROM {name};" for name in tables.metadata.tables))


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Iterator[SandboxClient]:
    """The sandbox without faults and with an empty journal."""
    with SandboxClient(_sandbox.url) as client:
        client.clear_faults()
        client.clear_journal()
        yield client
        client.clear_faults()


@pytest.fixture
def scene(_scene: Scene) -> Scene:
    """A module's own ``_scene``, as if nothing had happened in it yet."""
    _scene.stage.reset()
    return _scene


@pytest.fixture
def roles(scene: Scene) -> Roles:
    """Who may use the scene's bot."""
    return Roles(scene.stage.database, BOT)


@pytest.fixture(scope="session")
def _record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, sqlite3.Connection]]:
    file = tmp_path_factory.mktemp("record") / "g2d.db"
    with Database(f"sqlite:///{file}") as database:
        create_tables(database)
        with closing(sqlite3.connect(file)) as beside:
            yield database, beside


@pytest.fixture
def record(_record: tuple[Database, sqlite3.Connection]) -> Database:
    """An empty record in SQLite, for handlers: what it does on each kind of database, the tests of the store say.

    It is one for all of them, as preparing its statements costs more CPU than a handler.
    """
    database, beside = _record
    beside.executescript(EMPTY)
    return database
