"""What has been kept long enough is found without a look at the rest"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    for name, table, column, condition in (
        ("ix_jobs_original", "jobs", "ended_at", "image_key IS NOT NULL"),
        ("ix_attempts_detail", "attempts", "at", "detail IS NOT NULL"),
    ):
        when = sa.text(condition)
        op.create_index(name, table, [column], postgresql_where=when, sqlite_where=when)


def downgrade() -> None:
    op.drop_index("ix_attempts_detail", "attempts")
    op.drop_index("ix_jobs_original", "jobs")
