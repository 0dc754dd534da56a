"""Who may do what, and who did what: users, sessions, tokens, the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
NAME, WORD, DIGEST = sa.String(length=120), sa.String(length=16), sa.String(length=64)


def upgrade() -> None:
    """Make the tables."""
    _users_and_sessions()
    op.create_table(
        "automation_tokens",
        sa.Column("id", WORD, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("label", NAME, nullable=False),
        sa.Column("made_by", NAME, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("jobs", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_tokens")),
    )
    op.create_table(
        "automation_audit",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("via", WORD, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("action", NAME, nullable=False),
        sa.Column("target", sa.String(length=320), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("details", LONG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_audit")),
    )
    op.create_index("ix_automation_audit_at", "automation_audit", ["at"])
    _tell_names_apart("users", "sessions", "tokens", "audit")


def _users_and_sessions() -> None:
    op.create_table(
        "automation_users",
        sa.Column("name", NAME, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_automation_users")),
    )
    op.create_table(
        "automation_sessions",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("user_name", NAME, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_automation_sessions")),
    )
    op.create_index("ix_automation_sessions_user", "automation_sessions", ["user_name"])


def _tell_names_apart(*tables: str) -> None:
    """As 0001 does for its tables: `A` and `a` are two names on MariaDB and MySQL too."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        for table in tables:
            op.execute(f"ALTER TABLE automation_{table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
