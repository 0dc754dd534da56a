"""What is kept of a host that jobs ask, while no Redis keeps it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Add the table of hosts."""
    op.create_table(
        "automation_hosts",
        sa.Column("host", sa.String(length=320), nullable=False),
        sa.Column("state", LONG, nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_automation_hosts")),
    )
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two keys on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_hosts CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
