"""The databases in which the record is kept, and in what order tests run side by side.

A test that asks for ``database`` runs on both kinds.
"""

import gc
import os
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from shared.store.database import Database
from tests.servers import (
    OTHER_REDIS_URL,
    RedisServer,
    drop_databases,
    migrated_postgres,
    postgres_database,
    redis_database,
)
from tests.sqlite_tables import create_tables

WAITING = {"end_to_end", "browser", "guide"}  # rooms of tests that wait for others more than they compute
# How this machine reaches the internet: no test depends on it, and reading the authorities that one of these names
# takes 20 ms of CPU for each client that is made.
for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
    os.environ.pop(name, None)
    os.environ.pop(name.lower(), None)
for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(name, None)

# Examples are the same each time, and take as long as a busy machine needs: tests/fuzz looks for what is new.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

SIZE = re.compile(r"\b(?:embedded|distributed)\b")


class Scheduling(LoadScopeScheduling):
    """Gives each process a file at a time, or what of it is about one size of an installation."""

    def _split_scope(self, nodeid: str) -> str:
        return " ".join(_share(nodeid))


def _share(nodeid: str) -> tuple[str, str]:
    """The file of a test, and the size of the installation that it needs, if any."""
    file, _, name = nodeid.partition("::")
    size = SIZE.search(name.partition("[")[2])
    return file, size[0] if size else ""


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side: first those that share an installation, then those that start their own, then what only computes.

    So each process starts the shared one once a size, and nobody waits long for the last of them.
    """
    if not hasattr(config, "workerinput"):
        return
    shares = [_share(item.nodeid) for item in items]
    tests = Counter(shares)

    def turn(number: int) -> tuple[object, ...]:
        item, (file, size) = items[number], shares[number]
        wishes = {"SETTINGS", "WORKERS"} & vars(item.module).keys()
        if "_installation" in item.fixturenames and not wishes:
            return 0, size == "distributed", -tests[file, size], file
        return 2 - (Path(file).parent.name in WAITING), -tests[file, size], file, size

    items[:] = [items[number] for number in sorted(range(len(items)), key=turn)]


def pytest_collection_finish() -> None:
    """Keep the collector from walking over all modules and tests again and again: they stay to the end."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture
def migrated_postgres_url() -> Iterator[str]:
    """A database in Postgres with all tables, as the settings would hold it; it may have been used before."""
    with migrated_postgres() as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with all tables, of either kind."""
    is_new = request.param == "sqlite"
    made = Database(request.getfixturevalue("sqlite_url" if is_new else "migrated_postgres_url"))
    try:
        if is_new:
            create_tables(made)
        yield made
    finally:
        made.close()


def pytest_sessionfinish() -> None:
    drop_databases()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port at which nobody listens, nor will: it is taken, and whoever connects to it is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of Redis that a test may stop and freeze."""
    if not RedisServer.is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()
