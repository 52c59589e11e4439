"""What a batch is sending, and the witness of whether it was sent"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("batches", sa.Column("sending", JSON, comment="Jobs whose pictures Telegram may have got"))
    op.add_column("batches", sa.Column("witness", JSON, comment="What the progress message certainly said before"))


def downgrade() -> None:
    op.drop_column("batches", "witness")
    op.drop_column("batches", "sending")
