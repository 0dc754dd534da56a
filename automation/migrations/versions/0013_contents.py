"""What the active configuration left in the ledger, as a digest: whoever makes the same active again rewrites nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; without a value the next activation looks at every row, as before."""
    op.add_column("automation_revisions", sa.Column("contents", sa.String(64), nullable=True))
