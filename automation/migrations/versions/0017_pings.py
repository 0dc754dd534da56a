"""What programs elsewhere report of their work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of pings."""
    op.create_table(
        "automation_pings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("signal", sa.String(length=16), nullable=False),
        sa.Column("rid", sa.String(length=64), nullable=True),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_pings")),
    )
    op.create_index("ix_automation_pings_run", "automation_pings", ["run_id"])
    op.create_index("ix_automation_pings_rid", "automation_pings", ["rid"])
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_pings CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
