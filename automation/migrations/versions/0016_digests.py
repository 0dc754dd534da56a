"""The digest that a mail of the outbox is gathered for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("automation_outbox", sa.Column("digest", sa.String(120), nullable=True))
