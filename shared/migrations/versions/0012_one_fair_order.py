"""Questions stand in the fair order, too"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

NOT_ENDED = "state IN ('held', 'queued', 'working', 'waiting')"
IN_FLIGHT = "state IN ('queued', 'working', 'waiting')"
INDEXES = {
    "ix_errands_queued": (["turn", "id"], "state = 'queued'"),
    "ix_errands_held": (["user_id", "turn"], "state = 'held'"),
    "ix_errands_in_flight": (["user_id"], IN_FLIGHT),
    "ix_errands_in_group": (["chat_id"], f"NOT private AND {NOT_ENDED}"),
    "ix_errands_open": (["conversation_id", "id"], f"conversation_id IS NOT NULL AND {NOT_ENDED}"),
    "ix_errands_claimed_turn": (["turn"], "started_at IS NOT NULL"),
}
# A turn of a conversation whose earlier ones have not ended is held back; until now each claim passed it over.
HOLD_BACK = """
    UPDATE errands SET state = 'held'
    WHERE state = 'queued' AND conversation_id IS NOT NULL AND EXISTS (
        SELECT 1 FROM errands AS earlier
        WHERE earlier.conversation_id = errands.conversation_id AND earlier.id < errands.id
          AND earlier.state IN ('queued', 'working', 'waiting'))
"""


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column(
            "last_question_turn", sa.Double, nullable=False, server_default="0", comment="Turn of the newest question"
        ),
    )
    op.add_column(
        "errands",
        sa.Column(
            "turn", sa.Double, nullable=False, server_default="0", comment="Start tag of start-time fair queueing"
        ),
    )
    op.drop_index("ix_errands_queued", "errands")
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "errands", columns, postgresql_where=where, sqlite_where=where)
    op.execute(HOLD_BACK)
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("errands", "kind", comment="What a worker is to do: chat, describe, withdraw")
        op.execute("ALTER TABLE errands SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("errands", "kind", comment="What a worker is to do: chat, describe, check, withdraw")
        op.execute("ALTER TABLE errands RESET (fillfactor, autovacuum_vacuum_scale_factor)")
    op.execute("UPDATE errands SET state = 'queued' WHERE state = 'held'")
    for name in INDEXES:
        op.drop_index(name, "errands")
    where = sa.text("state = 'queued'")
    op.create_index("ix_errands_queued", "errands", ["id"], postgresql_where=where, sqlite_where=where)
    op.drop_column("errands", "turn")
    op.drop_column("users", "last_question_turn")
