"""The ledger's tables of mail, beside those of `tables`.

Owns: names, columns, keys of the outbox and of the servers that it leaves through.
Never: holds a query; changes without a migration beside it.
"""

from __future__ import annotations

import sqlalchemy as sa

from automation.database import UtcDateTime, Word
from automation.ledger.gate_tables import metadata
from automation.ledger.states import MailState
from automation.ledger.tables import BYTES, GATE, ID, NAME, SERIAL, STATE

__all__ = ["mail_servers", "metadata", "outbox"]

outbox = sa.Table(
    "automation_outbox",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("scope", sa.String(300), nullable=False),
    sa.Column("message_key", sa.String(200), nullable=False),
    sa.Column("recipient", sa.String(254), nullable=False),
    sa.Column("run_id", ID, nullable=False),
    sa.Column("job", NAME, nullable=False),
    sa.Column("sender", sa.String(254), nullable=False),
    sa.Column("subject", sa.String(998), nullable=False),
    sa.Column("message_id", sa.String(255), nullable=False),
    sa.Column("message", BYTES, nullable=False),
    sa.Column("state", Word(MailState, STATE.length), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("response", sa.String(1000)),
    sa.Column("server", NAME, nullable=False, server_default="default"),
    sa.Column("on_doubt", STATE, nullable=False, server_default="hold"),
    sa.Column("expires_at", UtcDateTime),
    # Of the tries, those that do not count: of before a person sent it again, or when the server was away.
    sa.Column("uncounted", sa.Integer, nullable=False, server_default=sa.text("0")),
    # What it is gathered for, with others.
    sa.Column("digest", NAME),
    # Who sends it.
    sa.Column("holder", GATE),
    sa.Index("ix_automation_outbox_state_due", "state", "due_at"),
    sa.Index("ix_automation_outbox_run", "run_id"),
    sa.Index("uq_automation_outbox_key", "scope", "message_key", "recipient", unique=True),
)

#: One row for each mail server: who sends through it, as whose fence, and from when on the next mail may go.
mail_servers = sa.Table(
    "automation_mail_servers",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("holder", GATE),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("free_at", UtcDateTime),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(1000)),
)
