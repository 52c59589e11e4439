"""Which message an update is about, which text it goes on with, and questions that are not answered yet"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
OF_MESSAGE = sa.text("message_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("updates", sa.Column("chat_id", sa.BigInteger, comment="The chat of its message"))
    op.add_column("updates", sa.Column("message_id", sa.BigInteger, comment="New or edited; NULL: it has none"))
    op.add_column(
        "updates", sa.Column("part_of", sa.BigInteger, comment="The update whose text this one's goes on with")
    )
    op.add_column(
        "updates",
        sa.Column("joined_at", sa.DateTime(timezone=True), comment="When the texts that go on with it were put to it"),
    )
    op.create_index(
        "ix_updates_message",
        "updates",
        ["chat_id", "message_id"],
        postgresql_where=OF_MESSAGE,
        sqlite_where=OF_MESSAGE,
    )
    op.create_table(
        "open_questions",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.BigInteger, autoincrement=False, nullable=False, comment="A private chat"),
        sa.Column("topic_id", sa.BigInteger, autoincrement=False, nullable=False, comment="0 outside topics"),
        sa.Column("kind", sa.String(16), nullable=False, comment="What is asked for"),
        sa.Column("about", JSON, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", "topic_id", name="pk_open_questions"),
    )
    op.create_table(
        "edit_hints",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", "message_id", name="pk_edit_hints"),
    )


def downgrade() -> None:
    op.drop_table("edit_hints")
    op.drop_table("open_questions")
    op.drop_index("ix_updates_message", "updates")
    for column in ("joined_at", "part_of", "message_id", "chat_id"):
        op.drop_column("updates", column)
