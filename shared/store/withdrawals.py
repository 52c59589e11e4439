"""Cancelled jobs whose orders are still with a provider: each becomes an errand that takes its order back."""

from collections.abc import Iterable

from sqlalchemy import Connection

from shared.clock import present
from shared.errands import ErrandKind
from shared.jobs import Job, State
from shared.json_types import JsonObject, inside
from shared.store import tables
from shared.store.database import Database, insert_new
from shared.store.fair_queue import virtual_time


def withdraw(database: Database, connection: Connection, jobs: Iterable[Job]) -> int:
    """Write down that these jobs' orders are to be withdrawn, in the caller's transaction; returns how many.

    Twice for the same turn of a job is once.
    """
    ordered = [(job, job.handle) for job in jobs if job.handle is not None]
    # Nobody asked for it, so it costs nobody a turn: it stands where something that costs nothing would stand.
    turn = virtual_time(connection) if ordered else 0.0
    rows = [_errand(job, handle) | {"turn": turn} for job, handle in ordered]
    if rows:
        connection.execute(insert_new(database, tables.errands).on_conflict_do_nothing(), rows)
    return len(rows)


def can_be_withdrawn(handle: JsonObject) -> bool:
    """Whether the provider of an order told how to take it back; others paint, and want their money."""
    return bool(inside(handle, "order", "cancel_path"))


def _errand(job: Job, handle: JsonObject) -> dict[str, object]:
    return {
        "kind": ErrandKind.CANCEL_ORDER,
        "bot_id": job.address.bot_id,
        "chat_id": job.address.chat_id,
        "message_id": job.address.message_id,
        "topic_id": job.address.topic_id,
        "private": job.address.private,
        # A cancelled job may be taken up again, and cancelled again.
        "request_key": f"j{job.id}.{job.claims}",
        "user_id": job.sender.id,
        "language": job.sender.language,
        "question": {"job_id": job.id, "handle": handle},
        "state": State.QUEUED,
        "created_at": present(),
    }
