"""What was paid for is added up from indexes alone"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

INDEXES = {"ix_attempts_paid": "user_id", "ix_attempts_paid_in_group": "group_id"}


def upgrade() -> None:
    _anew(["at", "pictures"])


def downgrade() -> None:
    _anew(["at"])


def _anew(columns: list[str]) -> None:
    for name, whose in INDEXES.items():
        op.drop_index(name, "attempts")
        when = sa.text(f"{whose} IS NOT NULL")
        op.create_index(name, "attempts", [whose, *columns], postgresql_where=when, sqlite_where=when)
