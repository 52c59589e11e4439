"""What people sent is counted by person and day, and deleted after some days"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

KEY = re.compile(r'"(sent/-?\d+/\d+(?:-replied)?)"')
CHUNK = 1000

sent_files = sa.table("sent_files", *map(sa.column, ("key", "user_id", "bytes", "kept_at")))
jobs = sa.table("jobs", *map(sa.column, ("picture_key", "user_id", "created_at")))
errands = sa.table("errands", *map(sa.column, ("question", "user_id", "created_at")))


def upgrade() -> None:
    op.create_table(
        "sent_files",
        sa.Column("key", sa.String(255), comment="Its name in the image store"),
        sa.Column("user_id", sa.BigInteger, nullable=False, comment="Who sent it"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_refused", sa.Boolean, nullable=False, server_default=sa.text("false"), comment="It is of no use"),
        sa.Column("leased_until", sa.DateTime(timezone=True), comment="While somebody deletes it"),
        sa.Column("gone_at", sa.DateTime(timezone=True), comment="It was deleted; its bytes still count for a day"),
        sa.PrimaryKeyConstraint("key", name="pk_sent_files"),
    )
    op.create_index("ix_sent_files_user_id_kept_at", "sent_files", ["user_id", "kept_at"])
    op.create_index("ix_sent_files_kept_at", "sent_files", ["kept_at"])
    refused = sa.text("is_refused AND gone_at IS NULL")
    op.create_index("ix_sent_files_refused", "sent_files", ["key"], postgresql_where=refused, sqlite_where=refused)
    there = sa.text("picture_key IS NOT NULL")
    op.create_index("ix_jobs_picture", "jobs", ["picture_key"], postgresql_where=there, sqlite_where=there)
    asked = sa.text("state = 'asked'")
    op.create_index("ix_batches_asked", "batches", ["user_id", "id"], postgresql_where=asked, sqlite_where=asked)
    _count_what_is_there()


def _count_what_is_there() -> None:
    """Files that were kept so far are deleted as well when they are old; how large they are, nobody wrote down."""
    connection, known = op.get_bind(), set[str]()
    question = sa.cast(errands.c.question, sa.Text)
    for wanted in (
        sa.select(jobs.c.picture_key, jobs.c.user_id, jobs.c.created_at).where(jobs.c.picture_key.like("sent/%")),
        sa.select(question, errands.c.user_id, errands.c.created_at).where(question.like('%"sent/%')),
    ):
        new: list[dict[str, Any]] = []
        for text, user_id, created_at in connection.execute(wanted).all():
            for key in KEY.findall(text if text.startswith(("{", "[")) else f'"{text}"'):
                if key not in known:
                    known.add(key)
                    new.append({"key": key, "user_id": user_id, "bytes": 0, "kept_at": created_at})
        for first in range(0, len(new), CHUNK):
            connection.execute(sa.insert(sent_files), new[first : first + CHUNK])


def downgrade() -> None:
    op.drop_index("ix_batches_asked", "batches")
    op.drop_index("ix_jobs_picture", "jobs")
    op.drop_table("sent_files")
