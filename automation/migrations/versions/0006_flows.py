"""What flows keep: which runs belong together, and the place of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FLOWING = sa.text("flow IS NOT NULL")


def upgrade() -> None:
    """Add the columns; what was recorded before belongs to no flow."""
    op.add_column("automation_runs", sa.Column("flow", sa.String(length=80)))
    op.add_column("automation_runs", sa.Column("flow_step", sa.String(length=120)))
    op.add_column("automation_runs", sa.Column("flow_index", sa.Integer()))
    op.create_index(
        "ix_automation_runs_flow",
        "automation_runs",
        ["flow", "flow_step", "state"],
        postgresql_where=FLOWING,
        sqlite_where=FLOWING,
    )
