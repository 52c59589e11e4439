"""An album of a batch that was sent, while its buttons were not"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    told = "Jobs of the album that was sent last, while its buttons were not"
    op.add_column("batches", sa.Column("without_buttons", JSON, comment=told))


def downgrade() -> None:
    op.drop_column("batches", "without_buttons")
