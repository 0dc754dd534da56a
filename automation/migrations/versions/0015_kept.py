"""Which turns before a limit are kept for a run that waits for another gate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of kept turns."""
    op.create_table(
        "automation_kept",
        sa.Column("gate_key", sa.String(length=320), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("its_turn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("gate_key", "run_id", name=op.f("pk_automation_kept")),
    )
    op.create_index("ix_automation_kept_run", "automation_kept", ["run_id"])
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_kept CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
