"""What limits keep: a row for each key, who holds its places, and when the newest runs of it began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

IN_LINE = sa.text("waits_on IS NOT NULL")
TABLES = ("automation_limits", "automation_beginnings", "automation_holds")


def upgrade() -> None:
    """Add the three tables, and to each run what it waits on."""
    op.create_table(
        "automation_limits",
        sa.Column("limit_key", sa.String(length=320), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("rate", sa.String(length=16), nullable=True),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("opens_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("limit_key", name=op.f("pk_automation_limits")),
    )
    op.create_index("ix_automation_limits_owner", "automation_limits", ["owner"])
    op.create_table(
        "automation_beginnings",
        sa.Column("limit_key", sa.String(length=320), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("limit_key", "number", name=op.f("pk_automation_beginnings")),
    )
    op.create_table(
        "automation_holds",
        sa.Column("limit_key", sa.String(length=320), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("limit_key", "run_id", name=op.f("pk_automation_holds")),
    )
    op.create_index("ix_automation_holds_run", "automation_holds", ["run_id"])
    op.add_column("automation_runs", sa.Column("waits_on", sa.String(length=320), nullable=True))
    _tell_keys_apart()
    op.create_index(
        "ix_automation_runs_line",
        "automation_runs",
        ["waits_on", "state", "priority", "due_at"],
        postgresql_where=IN_LINE,
        sqlite_where=IN_LINE,
    )


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
