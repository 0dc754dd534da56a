"""The mail servers that are sent through, and what a mail needs to leave through one of several."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from automation.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OUTBOX = "automation_outbox"


def upgrade() -> None:
    """Add the table of servers and the columns of mails."""
    op.create_table(
        "automation_mail_servers",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=320), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("free_at", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_automation_mail_servers")),
    )
    _tell_names_apart()
    op.add_column(OUTBOX, sa.Column("server", sa.String(120), nullable=False, server_default="default"))
    op.add_column(OUTBOX, sa.Column("on_doubt", sa.String(16), nullable=False, server_default="hold"))
    op.add_column(OUTBOX, sa.Column("expires_at", UtcDateTime(), nullable=True))
    op.add_column(OUTBOX, sa.Column("uncounted", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column(OUTBOX, sa.Column("holder", sa.String(320), nullable=True))


def _tell_names_apart() -> None:
    """As 0001 does for its tables: `A` and `a` are two names on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE automation_mail_servers CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
