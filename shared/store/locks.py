"""Locks in Postgres: the order in which rows are locked, and the numbers of advisory locks.

Rows are locked in this order: ``batches``, ``jobs``, ``errands``, ``conversations``, ``users``, ``removals``,
``access``, ``access_links``, ``sent_files``; those of one table by their ids. The lock of a group's budget comes before
``users``, that of the money after it; ``alerts`` and ``spending`` come last. A transaction that waits for a row holds
none that comes after it. Rows that are locked without waiting (``skip_locked``) and rows that are being inserted have
no place in the order: nobody waits for them in a circle. ``docs/queue.md`` says who locks what.
"""

from enum import IntEnum

from sqlalchemy import ColumnElement, Table, select

from shared.store.types import TableSelect


class AdvisoryLock(IntEnum):
    """Numbers of advisory locks: each is used for one purpose in the whole installation."""

    SWEEP = 7_362_001
    MIGRATION = 7_362_002  # Older versions use this number as well: two versions may migrate at the same time.
    MONEY = 7_362_005  # Where little money is left, requests wait for one another.
    GROUP_BUDGET = 7_362_003  # With a group's number: its members ask for pictures one after the other.
    PROCESS = 7_362_004  # With a number made of its name: held while the process lives.


def in_order(table: Table, *conditions: ColumnElement[bool], skip_locked: bool = False) -> TableSelect:
    """Select the ids of rows and lock them by id, for an UPDATE that would lock them in any order.

    Args:
        skip_locked: Leave out rows that another transaction has locked, instead of waiting for them.
    """
    return select(table.c.id).where(*conditions).order_by(table.c.id).with_for_update(skip_locked=skip_locked)
