"""Moves a whole record from one database to another, table by table, and proves that it is the same there.

A move may be begun again after whatever happened: rows that are there already are left as they are, and a table is done
when both databases have the same number of rows with the same checksum. Both must be without services meanwhile.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Column, Connection, Table, func, select, text

from shared.store import tables
from shared.store.database import Database, insert_new
from shared.store.types import Terms

AT_ONCE = 1_000  # rows in a transaction
_TERM = re.compile(r"'([^']*)'")  # as Postgres writes a term


class TargetDiffers(Exception):
    """The target has rows of another installation, or lost some: the table's name."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table holds: how many rows, and the sum of their SHA-256, whatever their order."""

    rows: int
    checksum: str


class Move:
    """A move of all rows; nothing is changed in the source."""

    def __init__(self, source: Database, target: Database, *, at_once: int = AT_ONCE) -> None:
        """Write so many rows in a transaction."""
        self._source = source
        self._target = target
        self._at_once = at_once

    @property
    def names(self) -> list[str]:
        """The tables, in the order in which they are moved."""
        return [table.name for table in tables.metadata.sorted_tables]

    def sum_of(self, database: Database, name: str) -> Sum:
        """Count and sum up a table."""
        total, rows = 0, 0
        for row in _rows(database, tables.metadata.tables[name]):
            total += int.from_bytes(hashlib.sha256(_spelled(row)).digest())
            rows += 1
        return Sum(rows, f"{total % 2**256:064x}")

    def copy(self, name: str) -> Sum:
        """Copy a table, unless it is there, and compare.

        Raises:
            TargetDiffers: It is not the same afterwards.
        """
        wanted = self.sum_of(self._source, name)
        if self.sum_of(self._target, name) != wanted:
            self._insert(tables.metadata.tables[name])
            if self.sum_of(self._target, name) != wanted:
                raise TargetDiffers(name)
        return wanted

    def _insert(self, table: Table) -> None:
        new = insert_new(self._target, table).on_conflict_do_nothing()
        for rows in _in_parts(_rows(self._source, table), self._at_once):
            with self._target.writing() as connection:
                connection.execute(new, rows)

    def count_on(self) -> None:
        """Let the target number new rows from behind those that were moved."""
        with self._target.writing() as connection:
            for table in tables.metadata.sorted_tables:
                if (column := table.autoincrement_column) is not None and not self._target.is_sqlite:
                    _set_sequence(connection, table, column)


def _rows(database: Database, table: Table) -> Iterator[dict[str, object]]:
    """All rows, read in parts, by their key."""
    key = list(table.primary_key.columns)
    # In a transaction: without one, Postgres gives out no rows in parts.
    with database.writing() as connection:
        found = connection.execution_options(yield_per=AT_ONCE).execute(select(table).order_by(*key))
        for row in found.mappings():
            yield {column.name: _value(row[column], column) for column in table.columns}


def _value(value: object, column: Column[object]) -> object:
    """A column's value as both databases take it; search terms are spelled differently in each."""
    if isinstance(column.type, Terms) and isinstance(value, str):
        return sorted(_TERM.findall(value) or value.split())
    return value


def _in_parts(rows: Iterator[dict[str, object]], at_once: int) -> Iterator[Sequence[Mapping[str, object]]]:
    part: list[Mapping[str, object]] = []
    for row in rows:
        part.append(row)
        if len(part) == at_once:
            yield part
            part = []
    if part:
        yield part


def _spelled(row: Mapping[str, object]) -> bytes:
    """A row in a form of its own: names, values, and moments in UTC."""
    return json.dumps(row, sort_keys=True, default=_moment, ensure_ascii=True).encode()


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _set_sequence(connection: Connection, table: Table, column: Column[int]) -> None:
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :name)"), _named(table, column))
    if sequence is None:
        return
    last = connection.scalar(select(func.max(column)))
    connection.execute(select(func.setval(sequence, last or 1, last is not None)))


def _named(table: Table, column: Column[int]) -> dict[str, str]:
    return {"table": table.name, "name": column.name}
