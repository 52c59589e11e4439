"""Search terms of pictures, favourites, and what each /history shows"""

import sqlalchemy as sa
from alembic import op

from shared.store.picture_terms import all_terms
from shared.store.types import Terms

revision = "0023"
down_revision = "0022"

FOUND = "Under which the picture is found; see shared/search_terms.py"
AT_ONCE = 5_000  # pictures
INDEX = """
CREATE VIRTUAL TABLE picture_terms_index USING fts5(
    terms, content='picture_terms', content_rowid='job_id', columnsize=0,
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*' tokenchars '_'"
)"""
ADDED = """
CREATE TRIGGER picture_terms_added AFTER INSERT ON picture_terms BEGIN
    INSERT INTO picture_terms_index (rowid, terms) VALUES (new.job_id, new.terms);
END"""
REMOVED = """
CREATE TRIGGER picture_terms_removed AFTER DELETE ON picture_terms BEGIN
    INSERT INTO picture_terms_index (picture_terms_index, rowid, terms) VALUES ('delete', old.job_id, old.terms);
END"""


def upgrade() -> None:
    kept = sa.text("NOT private AND (image_key IS NOT NULL OR file_id IS NOT NULL)")
    op.create_index("ix_jobs_kept_in_group", "jobs", ["chat_id", "id"], postgresql_where=kept, sqlite_where=kept)
    op.create_table(
        "picture_terms",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=False),
        sa.Column(
            "terms", Terms, nullable=False, comment="Under which the picture is found; see shared/search_terms.py"
        ),
        sa.PrimaryKeyConstraint("job_id", name="pk_picture_terms"),
    )
    op.create_table(
        "favourites",
        sa.Column("owner_id", sa.BigInteger, autoincrement=False, comment="A person; below 0 a group"),
        sa.Column("job_id", sa.BigInteger, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "job_id", name="pk_favourites"),
    )
    op.create_index("ix_favourites_job_id", "favourites", ["job_id"])
    op.create_table(
        "history_views",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("bot_id", sa.BigInteger, nullable=False),
        sa.Column("chat_id", sa.BigInteger, nullable=False, comment="Where the message is that shows it"),
        sa.Column("user_id", sa.BigInteger, nullable=False, comment="Who asked for it"),
        sa.Column("search", sa.Text, nullable=False),
        sa.Column("favourites", sa.Boolean, nullable=False),
        sa.Column("model", sa.String(192)),
        sa.Column("here", sa.Boolean, nullable=False, comment="Pictures of this chat alone"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_views"),
    )
    op.create_index("ix_history_views_user_id", "history_views", ["user_id", "at"])
    if op.get_bind().dialect.name == "sqlite":
        for statement in (INDEX, ADDED, REMOVED):
            op.execute(statement)
    _index_kept_pictures(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("picture_terms_index", "picture_terms", ["terms"], postgresql_using="gin")


def _index_kept_pictures(connection: sa.Connection) -> None:
    names = ("id", "user_id", "chat_id", "private", "image_model", "idea", "title", "prompt", "image_key")
    jobs = sa.table("jobs", *map(sa.column, names))
    terms = sa.table("picture_terms", sa.column("job_id"), sa.column("terms", Terms))
    last = 0
    while True:
        some = sa.select(jobs).where(jobs.c.id > last, jobs.c.image_key.is_not(None)).order_by(jobs.c.id).limit(AT_ONCE)
        rows = connection.execute(some).all()
        if not rows:
            return
        last = rows[-1].id
        connection.execute(
            sa.insert(terms),
            [{"job_id": row.id, "terms": all_terms(*row[1:8])} for row in rows],
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE picture_terms_index")
    op.drop_table("history_views")
    op.drop_table("favourites")
    op.drop_table("picture_terms")
    op.drop_index("ix_jobs_kept_in_group", "jobs")
