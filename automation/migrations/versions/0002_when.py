"""What the schedule language keeps: planned times, overlap, expiry, batches, pauses, declared jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Add columns to runs, and the new tables."""
    # Not in a batch: that may copy the table, and plain ALTER TABLE ADD COLUMN touches no row on any of the databases.
    for column in (
        sa.Column("planned_time", UtcDateTime()),
        sa.Column("overlap_key", sa.String(length=200)),
        sa.Column("max_running", sa.Integer()),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("batch", sa.String(length=32)),
    ):
        op.add_column("automation_runs", column)
    op.create_index("ix_automation_runs_overlap_state", "automation_runs", ["overlap_key", "state", "attempt"])
    op.create_index("ix_automation_runs_batch", "automation_runs", ["batch"])
    # A run that is open when the program is upgraded counts as one of its job; those that ended count for nothing.
    runs = sa.table("automation_runs", sa.column("job"), sa.column("overlap_key"), sa.column("state"))
    still_open = runs.c.state.in_(["queued", "running", "retrying"])
    op.execute(runs.update().where(still_open).values(overlap_key=runs.c.job))
    op.create_table(
        "automation_slots",
        sa.Column("overlap_key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("overlap_key", name=op.f("pk_automation_slots")),
    )
    op.create_table(
        "automation_pauses",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=250), nullable=False),
        sa.Column("reason", LONG, nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_pauses")),
    )
    op.create_index("ix_automation_pauses_target", "automation_pauses", ["level", "target"])
    op.create_table(
        "automation_jobs",
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_automation_jobs")),
    )
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        for table in ("slots", "pauses", "jobs"):
            op.execute(f"ALTER TABLE automation_{table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
