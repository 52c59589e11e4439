"""Postgres and Redis for the tests: where they are, and an empty place in each."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis
from psycopg import sql

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
PATIENCE_S = 5


@contextmanager
def postgres_database() -> Iterator[str]:
    """A new and empty database; gone afterwards, whoever is still connected. Yields its URL."""
    name = f"g2d_test_{uuid.uuid4().hex[:12]}"
    _postgres(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield f"{POSTGRES_URL.rpartition('/')[0]}/{name}"
    finally:
        _postgres(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _postgres(statement: sql.Composed) -> None:
    try:
        connection = psycopg.connect(POSTGRES_URL, autocommit=True, connect_timeout=PATIENCE_S)
    except psycopg.OperationalError:
        pytest.skip("Postgres is not reachable; TEST_POSTGRES_URL says where it is")
    with connection:
        connection.execute(statement)


@contextmanager
def redis_database() -> Iterator[str]:
    """The tests' own database in Redis, emptied before and after. Yields its URL."""
    flush_redis()
    try:
        yield REDIS_URL
    finally:
        flush_redis()


def flush_redis() -> None:
    """Empty the tests' own database in Redis."""
    with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=PATIENCE_S) as connection:
        try:
            connection.flushdb()
        except redis.ConnectionError:
            pytest.skip("Redis is not reachable; TEST_REDIS_URL says where it is")
