"""What calls cost, tokens that the owner paid for, and what was spent by day"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

AMOUNT = "Millionths of a dollar"
ESTIMATED = "estimate > 0 AND state IN ('held', 'queued', 'working', 'waiting')"
COUNTS: dict[str, dict[str, tuple[type[sa.types.TypeEngine[int]], str]]] = {
    "jobs": {"estimate": (sa.BigInteger, "What it may cost the owner, in millionths of a dollar")},
    "batches": {
        "picture_cost": (sa.BigInteger, "What painting all of it may cost, in millionths of a dollar"),
        "writing_cost": (sa.BigInteger, "What its prompts may cost"),
        "estimate": (sa.BigInteger, "What of that the owner pays"),
    },
    "attempts": {
        "tokens_in": (sa.Integer, "Read by Gemini"),
        "tokens_out": (sa.Integer, "Written by Gemini, thoughts included"),
        "cost": (sa.BigInteger, "To the owner, in millionths of a dollar"),
    },
    "errands": {
        "owner_tokens": (sa.Integer, "That the owner paid for, thoughts included"),
        "cost": (sa.BigInteger, "To the owner, in millionths of a dollar"),
    },
}


def upgrade() -> None:
    for table, columns in COUNTS.items():
        for name, (kind, comment) in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default="0", comment=comment))
    estimated, paid = sa.text(ESTIMATED), sa.text("owner_tokens > 0")
    op.create_index("ix_jobs_estimate", "jobs", ["estimate"], postgresql_where=estimated, sqlite_where=estimated)
    op.create_index("ix_errands_paid", "errands", ["user_id", "ended_at"], postgresql_where=paid, sqlite_where=paid)
    op.create_table(
        "spending",
        sa.Column("day", sa.Date, nullable=False, comment="In UTC"),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False, comment=AMOUNT),
        sa.PrimaryKeyConstraint("day", "part", name="pk_spending"),
    )


def downgrade() -> None:
    op.drop_table("spending")
    op.drop_index("ix_errands_paid", "errands")
    op.drop_index("ix_jobs_estimate", "jobs")
    for table, columns in COUNTS.items():
        for name in columns:
            op.drop_column(table, name)
