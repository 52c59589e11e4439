"""What owners are told of once in a period"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("kind", sa.String(32), nullable=False, comment="What it tells of"),
        sa.Column(
            "period", sa.Date, nullable=False, comment="The first day of the day or month that it is told once in"
        ),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), comment="When a process took it upon itself to tell of it"),
        sa.PrimaryKeyConstraint("kind", "period", name="pk_alerts"),
    )
    untold = sa.text("told_at IS NULL")
    op.create_index("ix_alerts_untold", "alerts", ["noted_at"], postgresql_where=untold, sqlite_where=untold)


def downgrade() -> None:
    op.drop_table("alerts")
