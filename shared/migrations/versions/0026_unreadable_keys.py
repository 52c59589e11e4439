"""A key that was encrypted for another secret is said to be so"""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("keys", "state", comment="unchecked, accepted, refused or unreadable")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("keys", "state", comment="unchecked, accepted or refused")
