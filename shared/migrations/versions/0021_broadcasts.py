"""Messages of an owner to all who use the bot"""

import sqlalchemy as sa
from alembic import op

from shared.store.types import Instant, String, Text

revision = "0021"
down_revision = "0020"

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("bot_id", sa.BigInteger, nullable=False),
        sa.Column("text", Text, nullable=False, comment="Telegram HTML"),
        sa.Column("state", String(16), nullable=False, comment="asked, running, stopped or finished"),
        sa.Column("asked_by", sa.BigInteger, comment="NULL: on the command line"),
        sa.Column("people", sa.Integer, nullable=False, comment="Who are to get it"),
        sa.Column("chat_id", sa.BigInteger, comment="Of the message that tells how it goes"),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("started_at", Instant),
        sa.Column("ended_at", Instant),
    )
    op.create_table(
        "broadcast_receivers",
        sa.Column("broadcast_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("receipt", String(16), nullable=False, comment="waiting, sending, or what became of it"),
        sa.Column("since", Instant, comment="When a process began to send"),
    )
    op.create_index("ix_broadcasts_bot_id", "broadcasts", ["bot_id", "state"])


def downgrade() -> None:
    op.drop_table("broadcast_receivers")
    op.drop_table("broadcasts")
