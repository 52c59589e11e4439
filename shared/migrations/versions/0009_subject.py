"""The words that an idea speaks of"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("subject", sa.Text, comment="The words that the idea speaks of; NULL without any"))


def downgrade() -> None:
    op.drop_column("jobs", "subject")
