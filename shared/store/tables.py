"""The tables, as SQLAlchemy sees them. Alembic makes them; a test keeps the two from drifting apart."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


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


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only in an INTEGER
Json: JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def _when(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="Telegram's user id"),
    Column("language", String(35), nullable=False, comment="IETF tag, as Telegram last told it"),
    Column("settings", Json, nullable=False, server_default="{}", comment="What this person chose"),
    Column("last_turn", Double, nullable=False, server_default="0", comment="Turn of the newest job"),
    Column("created_at", Instant, nullable=False),
)

updates = Table(
    "updates",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    # Text, not JSON: Postgres' JSON refuses a null character, and a person may send one.
    Column("body", Text, nullable=False, comment="The update as Telegram sent it"),
    Column("readable", Boolean, nullable=False, comment="False: our library can't parse it"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("received_at", Instant, nullable=False),
    Column("handled_at", Instant),
    Index("ix_updates_unhandled", "bot_id", "update_id", **_when("handled_at IS NULL")),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    # Who asked, where, what.
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, comment="The message that asked"),
    Column("topic_id", BigInteger),
    Column("private", Boolean, nullable=False),
    Column("request_key", String(64), nullable=False, comment="The message or the press that asked"),
    Column("number", Integer, nullable=False, comment="Place among the pictures of one request, from 0"),
    Column("pictures", Integer, nullable=False, comment="How many pictures the request is for"),
    Column("parent_id", BigInteger, comment="The job whose picture this one goes back to"),
    Column("origin", String(255), comment="How it came from its parent"),
    Column("user_id", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("idea", Text, nullable=False),
    Column("parameters", Json, nullable=False),
    # Where it stands.
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("turn", Double, nullable=False, comment="Start tag of start-time fair queueing"),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0", comment="Of the present step"),
    Column("losses", Integer, nullable=False, server_default="0", comment="Leases that ran out"),
    Column("worker", String(64), comment="Who holds the lease"),
    Column("lease_until", Instant),
    Column("not_before", Instant, comment="While waiting"),
    Column("estimate_s", Double, comment="What the service said the wait would be"),
    Column("deadline", Instant, comment="Set by the first claim"),
    Column("reason", String(32), comment="Why it waits or failed"),
    # What was made.
    Column("prompt", Text),
    Column("negative_prompt", Text),
    Column("title", Text),
    Column("idea_language", String(35)),
    Column("chat_model", String(128), comment="NULL beside a prompt: the user's own words"),
    Column("image_model", String(192)),
    Column("provider", String(64)),
    Column("seed", BigInteger),
    Column("recipe", Json),
    Column("handle", Json, comment="A provider's order under way"),
    Column("image_key", String(255)),
    Column("media_type", String(64)),
    # When.
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    # The way home.
    Column("status_message_id", BigInteger),
    Column("status_shown", String(64), comment="What the status message says"),
    Column("delivery_lease_until", Instant),
    Column("delivery_not_before", Instant),
    Column("delivery_tries", Integer, nullable=False, server_default="0"),
    Column("sending_since", Instant),
    Column("sending_before", Instant, comment="sending_since as the present claim found it"),
    Column("delivered_at", Instant),
    Column("delivered_message_id", BigInteger),
    Column("file_id", String(255)),
    UniqueConstraint("bot_id", "chat_id", "request_key", "number"),
    # A button pressed twice makes one job; once that has ended, the button makes another.
    Index(
        "uq_jobs_under_way",
        "parent_id",
        "origin",
        unique=True,
        **_when("parent_id IS NOT NULL AND number = 0 AND state IN ('queued', 'working', 'waiting')"),
    ),
    Index("ix_jobs_queued", "turn", "id", **_when("state = 'queued'")),
    Index("ix_jobs_waiting", "not_before", **_when("state = 'waiting'")),
    Index("ix_jobs_working", "lease_until", **_when("state = 'working'")),
    Index("ix_jobs_claimed_turn", "turn", **_when("started_at IS NOT NULL")),
    Index(
        "ix_jobs_outbox",
        "ended_at",
        **_when("delivered_at IS NULL AND state IN ('finished', 'failed', 'cancelled')"),
    ),
    Index("ix_jobs_user", "user_id", "id"),
    # Many updates a row, all of them to columns outside the big indexes: leave room on the page for them.
    postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
)

stages = Table(
    "stages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("step", String(16), nullable=False),
    Column("service", String(64), nullable=False),
    Column("model", String(192), nullable=False),
    Column("status", Integer),
    Column("request_id", String(128)),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("detail", Text),
    Column("at", Instant, nullable=False),
)

circuits = Table(
    "circuits",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("model", String(192), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("open_until", Instant),
    Column("on_trial", Boolean, nullable=False),
)
