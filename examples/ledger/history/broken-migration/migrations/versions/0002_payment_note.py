"""A note that may be missing. Code that does not know the column goes on working."""

import sqlalchemy as sa
from alembic import op

revision = "0002_note"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("payments", sa.Column("note", sa.String(200)))


def downgrade() -> None:
    """Drop it with what it holds."""
    op.drop_column("payments", "note")
