"""Why what has ended was not delivered"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = ("jobs", "errands", "batches")


def upgrade() -> None:
    for table in TABLES:
        comment = "Why its delivery was given up; NULL: it was delivered, or still may be"
        op.add_column(table, sa.Column("undelivered_reason", sa.Text(), comment=comment))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "undelivered_reason")
