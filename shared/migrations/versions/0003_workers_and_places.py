"""Which workers are alive, and places in the line that are found without counting it"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

HELD_ALONE = sa.text("state = 'held' AND batch_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False, comment="Jobs that it works at, at a time"),
        sa.Column("alive_until", sa.DateTime(timezone=True), nullable=False, comment="Unless it says so again"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_index("ix_jobs_held_alone", "jobs", ["turn", "id"], postgresql_where=HELD_ALONE, sqlite_where=HELD_ALONE)


def downgrade() -> None:
    op.drop_index("ix_jobs_held_alone", table_name="jobs")
    op.drop_table("workers")
