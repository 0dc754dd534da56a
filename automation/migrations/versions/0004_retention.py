"""What retention remembers of a schedule whose old occurrences are gone, and indexes to find what still holds a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the indexes."""
    forgotten = sa.Column("forgotten", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("automation_schedules", forgotten)
    op.add_column("automation_schedules", sa.Column("forgotten_until", UtcDateTime(), nullable=True))
    op.create_index("ix_automation_artifacts_job", "automation_artifacts", ["job", "run_id"])
    op.create_index("ix_automation_uniques_run", "automation_uniques", ["run_id"])
