"""The bad migration of this release: it reads a column that was never there."""

from alembic import op

revision = "0003_fill_note"
down_revision = "0002_note"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fail on every database."""
    op.execute("UPDATE payments SET note = terminal")


def downgrade() -> None:
    """Nothing was done."""
