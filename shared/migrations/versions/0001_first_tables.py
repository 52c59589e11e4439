"""First tables"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def when(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=192), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_job_id", "attempts", ["job_id"])

    op.create_table(
        "circuits",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=192), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("on_trial", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("pk_circuits")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="The message that asked"),
        sa.Column("topic_id", sa.BigInteger(), nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False, comment="The message or the press that asked"),
        sa.Column("number", sa.Integer(), nullable=False, comment="Place among the pictures of one request, from 0"),
        sa.Column("pictures", sa.Integer(), nullable=False, comment="How many pictures the request is for"),
        sa.Column("parent_id", sa.BigInteger(), nullable=True, comment="The job whose picture this one goes back to"),
        sa.Column("origin", sa.String(length=255), nullable=True, comment="How it came from its parent"),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("idea", sa.Text(), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("turn", sa.Double(), nullable=False, comment="Start tag of start-time fair queueing"),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False, comment="Of the present step"),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False, comment="Leases that ran out"),
        sa.Column("worker", sa.String(length=64), nullable=True, comment="Who holds the lease"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True, comment="While waiting"),
        sa.Column("estimate_s", sa.Double(), nullable=True, comment="What the service said the wait would be"),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True, comment="Set by the first claim"),
        sa.Column("reason", sa.String(length=32), nullable=True, comment="Why it waits or failed"),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("negative_prompt", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("idea_language", sa.String(length=35), nullable=True),
        sa.Column(
            "chat_model", sa.String(length=128), nullable=True, comment="NULL beside a prompt: the user's own words"
        ),
        sa.Column("image_model", sa.String(length=192), nullable=True),
        sa.Column("provider", sa.String(length=64), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("recipe", JSON, nullable=True),
        sa.Column("handle", JSON, nullable=True, comment="A provider's order under way"),
        sa.Column("image_key", sa.String(length=255), nullable=True),
        sa.Column("media_type", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_message_id", sa.BigInteger(), nullable=True),
        sa.Column("status_shown", sa.String(length=64), nullable=True, comment="What the status message says"),
        sa.Column("delivery_lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sending_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "sending_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="sending_since as the present claim found it",
        ),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_message_id", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint(
            "bot_id", "chat_id", "request_key", "number", name=op.f("uq_jobs_bot_id_chat_id_request_key_number")
        ),
        postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
    )
    op.create_index("ix_jobs_claimed_turn", "jobs", ["turn"], **when("started_at IS NOT NULL"))
    op.create_index(
        "ix_jobs_outbox",
        "jobs",
        ["ended_at"],
        **when("delivered_at IS NULL AND state IN ('finished', 'failed', 'cancelled')"),
    )
    op.create_index("ix_jobs_queued", "jobs", ["turn", "id"], **when("state = 'queued'"))
    op.create_index("ix_jobs_user", "jobs", ["user_id", "id"])
    op.create_index("ix_jobs_waiting", "jobs", ["not_before"], **when("state = 'waiting'"))
    op.create_index("ix_jobs_working", "jobs", ["lease_until"], **when("state = 'working'"))
    op.create_index(
        "uq_jobs_under_way",
        "jobs",
        ["parent_id", "origin"],
        unique=True,
        **when("parent_id IS NOT NULL AND number = 0 AND state IN ('queued', 'working', 'waiting')"),
    )

    op.create_table(
        "stages",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stages")),
    )
    op.create_index("ix_stages_job_id", "stages", ["job_id"])

    op.create_table(
        "updates",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("update_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="The update as Telegram sent it"),
        sa.Column("readable", sa.Boolean(), nullable=False, comment="False: our library can't parse it"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("bot_id", "update_id", name=op.f("pk_updates")),
    )
    op.create_index("ix_updates_unhandled", "updates", ["bot_id", "update_id"], **when("handled_at IS NULL"))

    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False, comment="Telegram's user id"),
        sa.Column("language", sa.String(length=35), nullable=False, comment="IETF tag, as Telegram last told it"),
        sa.Column("settings", JSON, server_default="{}", nullable=False, comment="What this person chose"),
        sa.Column("last_turn", sa.Double(), server_default="0", nullable=False, comment="Turn of the newest job"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )


def downgrade() -> None:
    op.drop_table("users")
    op.drop_table("updates")
    op.drop_table("stages")
    op.drop_table("jobs")
    op.drop_table("circuits")
    op.drop_table("attempts")
