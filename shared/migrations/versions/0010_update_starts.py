"""An update's tries are counted when it is handled again after a restart, no longer when it is looked for"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("UPDATE updates SET tries = 0 WHERE handled_at IS NULL")


def downgrade() -> None:
    """Both count from 0 on."""
