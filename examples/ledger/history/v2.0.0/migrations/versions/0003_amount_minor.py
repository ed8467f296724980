"""The unit in the name. Code before this release fails on the new name: a breaking change that can be reversed."""

from alembic import op

revision = "0003_amount_minor"
down_revision = "0002_note"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the column."""
    op.alter_column("payments", "amount", new_column_name="amount_minor")


def downgrade() -> None:
    """Give it its old name."""
    op.alter_column("payments", "amount_minor", new_column_name="amount")
