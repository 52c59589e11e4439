"""Whose key pays for a picture, and what was paid: for limits by person, group and day"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

OWNER_PAYS = "On the owner's key, as it was when the pictures were asked for"
JOBS_RESERVED = "owner_pays AND state IN ('held', 'queued', 'working', 'waiting')"


def upgrade() -> None:
    yes = sa.text("true")
    op.add_column("jobs", sa.Column("owner_pays", sa.Boolean, nullable=False, server_default=yes, comment=OWNER_PAYS))
    op.add_column(
        "batches", sa.Column("owner_pays", sa.Boolean, nullable=False, server_default=yes, comment=OWNER_PAYS)
    )
    unwritten = "Pictures of a started batch that no job stands for yet"
    op.add_column("batches", sa.Column("unwritten", sa.Integer, nullable=False, server_default="0", comment=unwritten))
    _index("ix_jobs_reserved", "jobs", ["user_id"], JOBS_RESERVED)
    _index("ix_jobs_reserved_in_group", "jobs", ["chat_id"], f"NOT private AND {JOBS_RESERVED}")
    _index("ix_batches_unwritten", "batches", ["user_id"], "unwritten > 0")
    for name, comment in (
        ("user_id", "Who asked, where the owner paid for it"),
        ("group_id", "The group chat, where the owner paid for it"),
    ):
        op.add_column("attempts", sa.Column(name, sa.BigInteger, comment=comment))
    paid = "Paid for; -1 takes back an order that came to nothing"
    op.add_column("attempts", sa.Column("pictures", sa.Integer, nullable=False, server_default="0", comment=paid))
    _index("ix_attempts_paid", "attempts", ["user_id", "at"], "user_id IS NOT NULL")
    _index("ix_attempts_paid_in_group", "attempts", ["group_id", "at"], "group_id IS NOT NULL")


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    when = sa.text(condition)
    op.create_index(name, table, columns, postgresql_where=when, sqlite_where=when)


def downgrade() -> None:
    for table, names in (
        ("attempts", ("ix_attempts_paid_in_group", "ix_attempts_paid")),
        ("batches", ("ix_batches_unwritten",)),
        ("jobs", ("ix_jobs_reserved_in_group", "ix_jobs_reserved")),
    ):
        for name in names:
            op.drop_index(name, table)
    for table, columns in (
        ("attempts", ("pictures", "group_id", "user_id")),
        ("batches", ("unwritten", "owner_pays")),
        ("jobs", ("owner_pays",)),
    ):
        for column in columns:
            op.drop_column(table, column)
