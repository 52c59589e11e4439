"""Flood waits outlive a restart; an update's tries count how often it was handled again after one"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "flood_waits",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False),
        sa.Column("key", sa.String(255), comment="What is closed: a chat's id, or a method of the Bot API"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="When Telegram takes calls again"),
        sa.PrimaryKeyConstraint("bot_id", "key", name="pk_flood_waits"),
    )
    # So far they counted how often it was looked for.
    op.execute("UPDATE updates SET tries = 0 WHERE handled_at IS NULL")


def downgrade() -> None:
    op.drop_table("flood_waits")
