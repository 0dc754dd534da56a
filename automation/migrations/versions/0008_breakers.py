"""What breakers keep: how each stands, since when, and who tries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Add the table of breakers."""
    op.create_table(
        "automation_breakers",
        sa.Column("breaker_key", sa.String(length=320), nullable=False),
        sa.Column("circuit", sa.String(length=16), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("tries_at", UtcDateTime(), nullable=True),
        sa.Column("probe", sa.String(length=32), nullable=True),
        sa.Column("probe_attempt", sa.Integer(), nullable=True),
        sa.Column("reason", LONG, nullable=True),
        sa.PrimaryKeyConstraint("breaker_key", name=op.f("pk_automation_breakers")),
    )
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_breakers CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
