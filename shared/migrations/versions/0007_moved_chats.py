"""A group that became a supergroup is known by both its ids"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "moved_chats",
        sa.Column("chat_id", sa.BigInteger, autoincrement=False, comment="The group's id before"),
        sa.Column("moved_to", sa.BigInteger, nullable=False, comment="The supergroup's id"),
        sa.PrimaryKeyConstraint("chat_id", name="pk_moved_chats"),
    )


def downgrade() -> None:
    op.drop_table("moved_chats")
