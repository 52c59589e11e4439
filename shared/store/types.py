"""Column types. Both databases store, and give back, the same values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy
from sqlalchemy import JSON, DateTime, Dialect, Row, Select
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
from sqlalchemy.types import TypeDecorator, TypeEngine

from shared.redaction import redact


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, with its time zone on both databases (SQLite keeps none by itself)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Hand the database UTC."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class String(TypeDecorator[str]):
    """Text of limited length, stored as ``storable`` leaves it."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Hand the database what it takes."""
        return None if value is None else storable(value)


class Text(String):
    """Text of any length, stored as ``storable`` leaves it."""

    impl = sqlalchemy.Text
    cache_ok = True


class ErrorText(Text):
    """What a service said of a failure: stored without any key, token or password."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Hand the database what anybody may read."""
        return super().process_bind_param(None if value is None else redact(value), dialect)


class Json(TypeDecorator[Any]):
    """A JSON value; each text in it is stored as ``storable`` leaves it, and None is stored as NULL."""

    impl = JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose JSONB in Postgres."""
        kind = JSONB if dialect.name == "postgresql" else JSON
        return dialect.type_descriptor(kind(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Hand the database what it takes."""
        return _storable_json(value)


class Terms(TypeDecorator[list[str]]):
    """Search terms: in Postgres a ``tsvector``, in SQLite a text that FTS5 indexes. Written alone, never read."""

    impl = sqlalchemy.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose TSVECTOR in Postgres."""
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else sqlalchemy.Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        """Hand over the terms, which are letters and digits alone."""
        if value is None:
            return None
        return " ".join(f"'{term}'" for term in value) if dialect.name == "postgresql" else " ".join(value)


def storable(text: str) -> str:
    """Leave out of a text what Postgres refuses: null characters go, a half of a surrogate pair becomes ``?``."""
    return text if text.isascii() and "\0" not in text else text.replace("\0", "").encode("utf-8", "replace").decode()


def _storable_json(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {_storable_json(name): _storable_json(one) for name, one in value.items()}
        case list() | tuple():
            return [_storable_json(one) for one in value]
    return value


# Columns are known at run time alone: what reads a row (``rows.py``) gives them their types.
TableRow: TypeAlias = Row[Any]
TableSelect: TypeAlias = Select[Any]
ClaimStatement: TypeAlias = ReturningUpdate[Any]
InsertReturning: TypeAlias = ReturningInsert[Any]
