"""What ended of late is found among millions of pictures"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ENDED = sa.text("state IN ('finished', 'failed')")


def upgrade() -> None:
    op.create_index("ix_jobs_ended", "jobs", ["ended_at"], postgresql_where=ENDED, sqlite_where=ENDED)


def downgrade() -> None:
    op.drop_index("ix_jobs_ended", "jobs")
