"""The lock that a worker holds while it lives, so that its death is seen at once"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    comment = "Of the advisory lock that it holds while it lives; NULL: none"
    op.add_column("workers", sa.Column("lock_key", sa.Integer, comment=comment))


def downgrade() -> None:
    op.drop_column("workers", "lock_key")
