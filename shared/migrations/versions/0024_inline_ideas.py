"""Ideas that were typed after the bot's name"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "inline_ideas",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False),
        sa.Column("user_id", sa.BigInteger, autoincrement=False, comment="Who typed it"),
        sa.Column("code", sa.String(16), comment="Stands for it in a link"),
        sa.Column("idea", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "user_id", "code", name="pk_inline_ideas"),
    )


def downgrade() -> None:
    op.drop_table("inline_ideas")
