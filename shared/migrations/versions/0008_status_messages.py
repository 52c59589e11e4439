"""Status messages that are being sent, and messages that are to be removed from chats"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = ("jobs", "errands", "batches")
SENDING = sa.text("status_sending_since IS NOT NULL")
MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    since = "A status message may be in the chat whose number is unknown"
    for table in TABLES:
        op.add_column(table, sa.Column("status_sending_since", MOMENT, comment=since))
        op.add_column(
            table, sa.Column("status_after", sa.BigInteger(), comment="That message's number is higher than this")
        )
    op.create_index(
        "ix_jobs_status_sending", "jobs", ["status_sending_since"], postgresql_where=SENDING, sqlite_where=SENDING
    )
    op.create_table(
        "removals",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), comment="NULL: sent, but nobody knows under which number"),
        sa.Column("work", sa.String(8), nullable=False, comment="What the message tells of: job, errand or batch"),
        sa.Column("work_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("after", sa.BigInteger(), comment="A number that is unknown is higher than this"),
        sa.Column("since", MOMENT, nullable=False, comment="When the message was to go, or was sent without an answer"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", MOMENT, nullable=False, comment="When the next try is due; a try under way moves it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removals")),
    )
    op.create_index("ix_removals_due", "removals", ["bot_id", "not_before"])


def downgrade() -> None:
    op.drop_table("removals")
    op.drop_index("ix_jobs_status_sending", "jobs")
    for table in TABLES:
        op.drop_column(table, "status_after")
        op.drop_column(table, "status_sending_since")
