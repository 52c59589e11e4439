"""Who may use a bot, and links that let people in"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "access",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False),
        sa.Column("id", sa.BigInteger, autoincrement=False, comment="A person's; a group's is below 0"),
        sa.Column("role", sa.String(16), nullable=False, comment="owner, admin, member, guest, stranger or blocked"),
        sa.Column("name", sa.String(128), nullable=False, comment="As Telegram last told it"),
        sa.Column("username", sa.String(64)),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, comment="When Telegram told that"),
        sa.Column(
            "told_at", sa.DateTime(timezone=True), comment="When they were told last that they may not use the bot"
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), comment="When the owners were asked to let them in"),
        sa.Column("cards", JSON, comment="The messages that asked: chat and number of each"),
        sa.Column("decided_at", sa.DateTime(timezone=True), comment="When the role was given or denied"),
        sa.Column("decided_by", sa.BigInteger, comment="NULL: on the command line, or by a link"),
        sa.Column(
            "leave_at",
            sa.DateTime(timezone=True),
            comment="When the bot leaves the group unless somebody decides for it",
        ),
        sa.PrimaryKeyConstraint("bot_id", "id", name="pk_access"),
    )
    where = sa.text("leave_at IS NOT NULL")
    op.create_index("ix_access_leave_at", "access", ["leave_at"], postgresql_where=where, sqlite_where=where)
    op.create_table(
        "access_links",
        sa.Column("bot_id", sa.BigInteger, autoincrement=False),
        sa.Column("digest", sa.String(64), comment="SHA-256 of the code in the link, in hex"),
        sa.Column("kind", sa.String(8), nullable=False, comment="claim or invite"),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.BigInteger, comment="NULL: on the command line, or at the start"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "digest", name="pk_access_links"),
    )


def downgrade() -> None:
    op.drop_table("access_links")
    op.drop_table("access")
