"""Lines of a batch's file that were left out"""

import sqlalchemy as sa
from alembic import op

from shared.store.types import Json

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    comment = "Lines that were left out: their numbers in the file, each with the reason"
    op.add_column("batches", sa.Column("skipped", Json, comment=comment))


def downgrade() -> None:
    op.drop_column("batches", "skipped")
