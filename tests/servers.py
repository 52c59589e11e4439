"""Postgres and Redis for the tests: where they are, and an empty place in each."""

import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg
import pytest
import redis
from psycopg import sql

from shared.migrations import migrate
from shared.store import tables
from shared.store.database import Database

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
_REDIS_SERVER, _, _LAST_DATABASE = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15").rpartition("/")
# Tests that run side by side have two databases each, counted down from the one that was named (or the last of all).
_FIRST_DATABASE = int(_LAST_DATABASE) - 2 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
REDIS_URL = f"{_REDIS_SERVER}/{_FIRST_DATABASE}"
# An installation may be running while other tests have their turn: its worker would take their tickets.
OTHER_REDIS_URL = f"{_REDIS_SERVER}/{_FIRST_DATABASE - 1}"
PATIENCE_S = 30  # for a server to let somebody in, or go
OURS = (20_000, 32_000)  # ports below those that Linux and macOS give to connections
ACCESS_KEY, ACCESS_SECRET = "AKIDtests", "secret-of-tests"  # pragma: allowlist secret


@contextmanager
def postgres_database() -> Iterator[str]:
    """A new and empty database; gone afterwards, whoever is still connected. Yields its URL."""
    name = _create()
    try:
        yield _url(name)
    finally:
        _drop(name)


_empty: list[str] = []  # databases of ours with all tables, for whoever needs one next


@contextmanager
def migrated_postgres() -> Iterator[str]:
    """A database with all tables and nothing in them; yields its URL.

    It is emptied for the next test rather than made anew, which takes Postgres half a second.
    """
    name = _empty.pop() if _empty else _make_migrated()
    yield _url(name)
    try:
        _empty_tables(name)
    except psycopg.Error:  # A test has changed more than rows.
        _drop(name)
    else:
        _empty.append(name)


def drop_databases() -> None:
    """Drop what was kept for the next test."""
    while _empty:
        _drop(_empty.pop())


def _make_migrated() -> str:
    name = _create()
    database = Database(_url(name).replace("postgresql://", "postgresql+psycopg://", 1))
    migrate(database)
    database.close()
    return name


def _empty_tables(name: str) -> None:
    _postgres(
        sql.SQL("SELECT pg_terminate_backend(pid, {}) FROM pg_stat_activity WHERE datname = {}").format(
            sql.Literal(1000 * PATIENCE_S), sql.Literal(name)
        )
    )
    with psycopg.connect(_url(name), connect_timeout=PATIENCE_S) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # in any order
        for table in tables.metadata.tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence")


def _url(name: str) -> str:
    return f"{POSTGRES_URL.rpartition('/')[0]}/{name}"


def _create() -> str:
    name = f"g2d_test_{uuid.uuid4().hex[:12]}"
    _postgres(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return name


def _drop(name: str) -> None:
    _postgres(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def away(database: Database) -> Iterator[None]:
    """Keep everybody out of a database in Postgres, as if its server were down."""
    name = sql.Identifier(str(database.engine.url.database))
    _postgres(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    _postgres(
        sql.SQL("SELECT pg_terminate_backend(pid, {}) FROM pg_stat_activity WHERE datname = {}").format(
            sql.Literal(1000 * PATIENCE_S), sql.Literal(database.engine.url.database)
        )
    )
    try:
        yield
    finally:
        _postgres(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def _postgres(statement: sql.Composed) -> None:
    if not _postgres_is_there():
        pytest.skip("Postgres is not reachable; TEST_POSTGRES_URL says where it is")
    with psycopg.connect(POSTGRES_URL, autocommit=True, connect_timeout=PATIENCE_S) as connection:
        connection.execute(statement)


@functools.cache
def _postgres_is_there() -> bool:
    """Asked once: a server that refuses somebody later is no reason to skip a test."""
    try:
        psycopg.connect(POSTGRES_URL, connect_timeout=PATIENCE_S).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def redis_database(url: str = REDIS_URL) -> Iterator[str]:
    """One of the tests' own databases in Redis, emptied before and after. Yields its URL."""
    flush_redis(url)
    try:
        yield url
    finally:
        flush_redis(url)


def flush_redis(url: str = REDIS_URL) -> None:
    """Empty one of the tests' own databases in Redis."""
    if not _redis_is_there():
        pytest.skip("Redis is not reachable; TEST_REDIS_URL says where it is")
    with redis.Redis.from_url(url, socket_connect_timeout=PATIENCE_S) as connection:
        connection.flushdb()


@functools.cache
def _redis_is_there() -> bool:
    try:
        with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=PATIENCE_S) as connection:
            return bool(connection.ping())
    except redis.ConnectionError:
        return False


def free_port() -> int:
    """A port at which nobody listens, and that no connection is given by the system before it is used."""
    while True:
        port = random.SystemRandom().randrange(*OURS)  # Tests that run side by side may have seeded the other one.
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class RedisServer:
    """A Redis of our own, to be stopped and started at will."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    @staticmethod
    def is_installed() -> bool:
        """Whether this machine can run one."""
        return shutil.which("redis-server") is not None

    def start(self, *settings: str) -> None:
        """Start, and come back when it has loaded its data and takes commands."""
        command = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self._folder), *settings]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert any("Ready to accept connections" in line for line in self._process.stdout)

    def stop(self) -> None:
        """Stop as a crash would."""
        self._process.kill()
        self._process.communicate()

    def freeze(self) -> None:
        """Take connections and answer nothing any more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it stood."""
        self._process.send_signal(signal.SIGCONT)


class PgBouncer:
    """A pooler before the tests' Postgres that lends out its sessions for one transaction each."""

    def __init__(self, database: Database) -> None:
        """Stand before this database."""
        self._there = database.engine.url
        self._port = free_port()

    @staticmethod
    def is_installed() -> bool:
        """Whether this machine can run one."""
        return shutil.which("pgbouncer") is not None

    @property
    def url(self) -> str:
        """The database's address by way of it."""
        return self._there.set(host="127.0.0.1", port=self._port).render_as_string(hide_password=False)

    @contextmanager
    def running(self, *, past: bool = False) -> Iterator[Database]:
        """Run it; yields the database by way of it.

        Args:
            past: Whether the database also knows the way past it; then it refuses settings of connections, as
                poolers do that nobody told otherwise.
        """
        url = self._there
        password = f" password={url.password}" if url.password else ""
        to = f"host={url.host} port={url.port or 5432} user={url.username}{password}"
        with NamedTemporaryFile("w", suffix=".ini") as file:
            file.write(f"[databases]\n* = {to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self._port}\n")
            file.write("unix_socket_dir =\nauth_type = any\npool_mode = transaction\n")
            file.write("" if past else "ignore_startup_parameters = options\n")
            file.flush()
            if is_root := os.geteuid() == 0:  # It refuses to run as root.
                Path(file.name).chmod(0o644)
            command = ["pgbouncer", *(["--user", "nobody"] if is_root else []), file.name]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            assert any("process up" in line for line in process.stderr)
            direct = url.render_as_string(hide_password=False)
            through = Database(self.url, direct if past else None)
            try:
                yield through
            finally:
                through.close()
                process.kill()
                process.communicate()


@contextmanager
def bucket_server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3-compatible server, ``rclone serve s3``, with the bucket ``pictures``; yields the environment for it."""
    found = shutil.which("rclone", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("rclone is not installed: make setup")
    (folder / "pictures").mkdir(parents=True)
    address = ["--addr", "127.0.0.1:0", "--auth-key", f"{ACCESS_KEY},{ACCESS_SECRET}", "--config", os.devnull]
    with subprocess.Popen([found, "serve", "s3", *address, str(folder)], stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            while not (said := re.search(rb"http://127\.0\.0\.1:\d+", process.stderr.readline())):
                assert process.poll() is None
            yield {
                "AWS_ENDPOINT_URL": said[0].decode(),
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": ACCESS_SECRET,
            }
        finally:
            process.kill()
