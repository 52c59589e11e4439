"""Batches, chat, keys, and the models that are served"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ENDED = "state IN ('finished', 'failed', 'cancelled')"


def when(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False, comment="telegram or terminal"),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="The message that asked"),
        sa.Column("topic_id", sa.BigInteger()),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column(
            "request_key",
            sa.String(length=255),
            nullable=False,
            comment="The message, or the file, that it was asked with",
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("requests", JSON, nullable=False, comment="The lines that were read, each a request"),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False, comment="albums or zip"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="asked, running, paused, cancelled or finished"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("status_message_id", sa.BigInteger()),
        sa.Column("status_shown", sa.Text(), comment="What the progress message says"),
        sa.Column("delivery_lease_until", sa.DateTime(timezone=True)),
        sa.Column("delivery_not_before", sa.DateTime(timezone=True)),
        sa.Column("delivery_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("bot_id", "chat_id", "request_key", name=op.f("uq_batches_bot_id_chat_id_request_key")),
    )
    op.create_index("ix_batches_open", "batches", ["id"], **when("delivered_at IS NULL"))
    op.create_index("ix_batches_user", "batches", ["user_id", "id"])
    op.create_table(
        "conversations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), server_default="0", nullable=False, comment="0 outside topics"),
        sa.Column(
            "begins_after", sa.BigInteger(), server_default="0", nullable=False, comment="Errand after which it starts"
        ),
        sa.Column("summary", sa.Text(), comment="What older turns came to"),
        sa.Column(
            "summarised_until", sa.BigInteger(), server_default="0", nullable=False, comment="The last errand in it"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("bot_id", "chat_id", "topic_id", name=op.f("uq_conversations_bot_id_chat_id_topic_id")),
    )
    op.create_table(
        "errands",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="What a worker is to do: chat, describe, check, withdraw",
        ),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="The message that asked"),
        sa.Column("topic_id", sa.BigInteger()),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False, comment="The message or the press that asked"),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), comment="The conversation that a chat's turn belongs to"),
        sa.Column("question", JSON, nullable=False, comment="What is asked; its form depends on the kind"),
        sa.Column("writing", JSON, comment="Chat model and sampling; NULL: as the owner's settings say"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False, comment="Leases that ran out"),
        sa.Column("worker", sa.String(length=64), comment="Who holds the lease"),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("not_before", sa.DateTime(timezone=True), comment="While waiting"),
        sa.Column("deadline", sa.DateTime(timezone=True), comment="Set by the first claim"),
        sa.Column("reason", sa.String(length=32), comment="Why it waits or failed"),
        sa.Column("stop_asked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("answer", sa.Text(), comment="As far as it has come"),
        sa.Column("result", JSON, comment="What an errand brings home that is no text"),
        sa.Column("chat_model", sa.String(length=128)),
        sa.Column("tokens_in", sa.Integer()),
        sa.Column("tokens_out", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("shown", JSON, comment="The messages in the chat that hold the answer, and what they say"),
        sa.Column("delivery_lease_until", sa.DateTime(timezone=True)),
        sa.Column("delivery_not_before", sa.DateTime(timezone=True)),
        sa.Column("delivery_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errands")),
        sa.UniqueConstraint(
            "bot_id", "chat_id", "kind", "request_key", name=op.f("uq_errands_bot_id_chat_id_kind_request_key")
        ),
    )
    op.create_index(
        "ix_errands_conversation", "errands", ["conversation_id", "id"], **when("conversation_id IS NOT NULL")
    )
    op.create_index("ix_errands_outbox", "errands", ["id"], **when("delivered_at IS NULL"))
    op.create_index("ix_errands_queued", "errands", ["id"], **when("state = 'queued'"))
    op.create_index("ix_errands_user", "errands", ["user_id", "id"])
    op.create_index("ix_errands_waiting", "errands", ["not_before"], **when("state = 'waiting'"))
    op.create_index("ix_errands_working", "errands", ["lease_until"], **when("state = 'working'"))
    op.create_table(
        "keys",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("service", sa.String(length=16), nullable=False, comment="google or huggingface"),
        sa.Column("sealed", sa.Text(), nullable=False, comment="The key, encrypted with G2D_SECRET_KEY"),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="unchecked, accepted or refused"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column(
            "checks", sa.Integer(), server_default="0", nullable=False, comment="Times that a worker asked the service"
        ),
        sa.Column("not_before", sa.DateTime(timezone=True), comment="When it may be asked next"),
        sa.Column("bot_id", sa.BigInteger()),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("language", sa.String(length=35), server_default="en", nullable=False),
        sa.Column("shown", sa.String(length=16), comment="The state that the message tells"),
        sa.PrimaryKeyConstraint("user_id", "service", name=op.f("pk_keys")),
    )
    op.create_table(
        "models",
        sa.Column("kind", sa.String(length=8), nullable=False, comment="chat or image"),
        sa.Column("id", sa.String(length=192), nullable=False, comment="Gemini's name, or the Hub's org/name"),
        sa.Column("place", sa.Integer(), nullable=False, comment="In the list, the best first"),
        sa.Column("card", JSON, nullable=False, comment="What the service tells of it"),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="When the service named it last"),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_models")),
    )
    op.add_column(
        "jobs", sa.Column("writing", JSON, comment="How the prompt is to be written; NULL: as the owner's settings say")
    )
    op.add_column(
        "jobs",
        sa.Column(
            "picture_key", sa.String(length=255), comment="The picture that came with the idea, in the image store"
        ),
    )
    op.add_column("jobs", sa.Column("picture_type", sa.String(length=64), comment="Its media type"))
    op.add_column("jobs", sa.Column("batch_id", sa.BigInteger(), comment="The batch that it belongs to"))
    op.create_index("ix_jobs_batch", "jobs", ["batch_id", "id"], **when("batch_id IS NOT NULL"))
    op.create_index(
        "ix_jobs_delivered",
        "jobs",
        ["chat_id", "delivered_message_id"],
        **when("delivered_message_id IS NOT NULL"),
    )
    op.create_index("ix_jobs_held", "jobs", ["user_id", "turn"], **when("state = 'held' AND batch_id IS NULL"))
    op.create_index(
        "ix_jobs_held_in_batch", "jobs", ["batch_id", "turn"], **when("state = 'held' AND batch_id IS NOT NULL")
    )
    op.create_index(
        "ix_jobs_in_group",
        "jobs",
        ["chat_id"],
        **when("NOT private AND batch_id IS NULL AND state IN ('held', 'queued', 'working', 'waiting')"),
    )
    op.create_index("ix_jobs_in_flight", "jobs", ["user_id"], **when("state IN ('queued', 'working', 'waiting')"))
    op.create_index("ix_jobs_queued_alone", "jobs", ["turn", "id"], **when("state = 'queued' AND batch_id IS NULL"))
    op.add_column(
        "users",
        sa.Column(
            "last_batch_turn",
            sa.Double(),
            server_default="0",
            nullable=False,
            comment="Turn of the newest job of a batch",
        ),
    )
    set_conditions("'held', 'queued', 'working', 'waiting'", f"delivered_at IS NULL AND batch_id IS NULL AND {ENDED}")


def downgrade() -> None:
    set_conditions("'queued', 'working', 'waiting'", f"delivered_at IS NULL AND {ENDED}")

    op.drop_column("users", "last_batch_turn")
    op.drop_index("ix_jobs_queued_alone", table_name="jobs")
    op.drop_index("ix_jobs_in_flight", table_name="jobs")
    op.drop_index("ix_jobs_in_group", table_name="jobs")
    op.drop_index("ix_jobs_held_in_batch", table_name="jobs")
    op.drop_index("ix_jobs_held", table_name="jobs")
    op.drop_index("ix_jobs_delivered", table_name="jobs")
    op.drop_index("ix_jobs_batch", table_name="jobs")
    op.drop_column("jobs", "batch_id")
    op.drop_column("jobs", "picture_type")
    op.drop_column("jobs", "picture_key")
    op.drop_column("jobs", "writing")
    op.drop_table("models")
    op.drop_table("keys")
    op.drop_index("ix_errands_working", table_name="errands")
    op.drop_index("ix_errands_waiting", table_name="errands")
    op.drop_index("ix_errands_user", table_name="errands")
    op.drop_index("ix_errands_queued", table_name="errands")
    op.drop_index("ix_errands_outbox", table_name="errands")
    op.drop_index("ix_errands_conversation", table_name="errands")
    op.drop_table("errands")
    op.drop_table("conversations")
    op.drop_index("ix_batches_user", table_name="batches")
    op.drop_index("ix_batches_open", table_name="batches")
    op.drop_table("batches")


def set_conditions(under_way: str, in_outbox: str) -> None:
    op.drop_index("uq_jobs_under_way", table_name="jobs")
    op.create_index(
        "uq_jobs_under_way",
        "jobs",
        ["parent_id", "origin"],
        unique=True,
        **when(f"parent_id IS NOT NULL AND number = 0 AND state IN ({under_way})"),
    )
    op.drop_index("ix_jobs_outbox", table_name="jobs")
    op.create_index("ix_jobs_outbox", "jobs", ["ended_at"], **when(in_outbox))
