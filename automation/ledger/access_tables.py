"""The ledger's tables of who may do what, and who did what, beside those of `mail_tables`.

Owns: names, columns, keys of users, sessions, tokens and the audit trail.
Never: holds a query; changes without a migration beside it; has a column for a secret itself, only for its digest.
"""

from __future__ import annotations

import sqlalchemy as sa

from automation.database import UtcDateTime, Word
from automation.ledger.mail_tables import metadata
from automation.ledger.roles import Role
from automation.ledger.tables import LONG, NAME, SERIAL, STATE

__all__ = ["audit", "metadata", "sessions", "tokens", "users"]

DIGEST = sa.String(64)
#: An address of a network with its zone, or the name of a machine.
ADDRESS = sa.String(120)

users = sa.Table(
    "automation_users",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("role", Word(Role, STATE.length), nullable=False),
    # Absent for those whom a proxy signs in.
    sa.Column("password", sa.String(255)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)

sessions = sa.Table(
    "automation_sessions",
    metadata,
    sa.Column("digest", DIGEST, primary_key=True),
    sa.Column("user_name", NAME, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("address", ADDRESS, nullable=False),
    sa.Index("ix_automation_sessions_user", "user_name"),
)

tokens = sa.Table(
    "automation_tokens",
    metadata,
    sa.Column("id", STATE, primary_key=True),
    sa.Column("digest", DIGEST, nullable=False),
    sa.Column("label", NAME, nullable=False),
    sa.Column("made_by", NAME, nullable=False),
    sa.Column("role", Word(Role, STATE.length), nullable=False),
    # Patterns of actions, and names of jobs; empty is all.
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("jobs", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("used_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
)

audit = sa.Table(
    "automation_audit",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", NAME, nullable=False),
    # How we know: open, session, token, proxy, cli, webhook, ping.
    sa.Column("via", STATE, nullable=False),
    sa.Column("address", ADDRESS, nullable=False),
    sa.Column("action", NAME, nullable=False),
    sa.Column("target", sa.String(320), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("details", LONG),
    sa.Index("ix_automation_audit_at", "at"),
)
