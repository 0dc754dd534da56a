"""What admission keeps: who holds a unique key, and an index to count what waits in a queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WAITING = sa.text("state IN ('queued', 'retrying')")


def upgrade() -> None:
    """Add the table of unique keys, and the index."""
    op.create_table(
        "automation_uniques",
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("unique_key", sa.String(length=200), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("job", "unique_key", name=op.f("pk_automation_uniques")),
    )
    op.create_index(
        "ix_automation_runs_queue_waiting",
        "automation_runs",
        ["queue", "state"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_uniques CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
