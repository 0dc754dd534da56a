"""Which flows have a step that waits for one without a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of flows that are looked at again."""
    op.create_table(
        "automation_stalled",
        sa.Column("flow", sa.String(length=80), nullable=False),
        sa.Column("look_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("flow", name=op.f("pk_automation_stalled")),
    )
    op.create_index("ix_automation_stalled_look", "automation_stalled", ["look_at"])
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_stalled CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
