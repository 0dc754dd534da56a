"""An index to find the mails of a run: `show` asks for them, and the outbox grows."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_automation_outbox_run", "automation_outbox", ["run_id"])
