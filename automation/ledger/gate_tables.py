"""The ledger's tables of limits and breakers, beside those of `tables`.

Owns: names, columns, keys of what a claim passes before it begins.
Never: holds a query; changes without a migration beside it.
"""

from __future__ import annotations

import sqlalchemy as sa

from automation.database import UtcDateTime
from automation.ledger.tables import GATE, ID, LONG, NAME, STATE, metadata

__all__ = ["beginnings", "breakers", "holds", "hosts", "kept", "limits", "metadata"]

#: One row for each key of a limit, locked by whoever claims a run of it; its numbers are those of the active
#: configuration. `taken` counts the beginnings that a rate has seen, `opens_at` is when it lets the next one go.
limits = sa.Table(
    "automation_limits",
    metadata,
    sa.Column("limit_key", GATE, primary_key=True),
    sa.Column("owner", NAME, nullable=False),
    sa.Column("max_running", sa.Integer),
    sa.Column("rate", sa.String(16)),
    sa.Column("taken", sa.BigInteger, nullable=False, default=0),
    sa.Column("opens_at", UtcDateTime),
    sa.Index("ix_automation_limits_owner", "owner"),
)

#: The newest beginnings of a limit with a rate, numbered; those that no longer count are gone.
beginnings = sa.Table(
    "automation_beginnings",
    metadata,
    sa.Column("limit_key", GATE, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

#: Who has taken a place of a limit; a run that is not at work any more holds none, and its row goes with the next claim.
holds = sa.Table(
    "automation_holds",
    metadata,
    sa.Column("limit_key", GATE, primary_key=True),
    sa.Column("run_id", ID, primary_key=True),
    sa.Index("ix_automation_holds_run", "run_id"),
)

#: The gates of a run that lost its turn before one since another was closed: whose turn it is now, and since when it
#: has been passed. The rows of one that waits no more mean nothing.
kept = sa.Table(
    "automation_kept",
    metadata,
    sa.Column("gate_key", GATE, primary_key=True),
    sa.Column("run_id", ID, primary_key=True),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("its_turn", sa.Boolean, nullable=False),
    sa.Index("ix_automation_kept_run", "run_id"),
)

#: One row for each key of a breaker that has seen a failure, locked by whoever claims or ends a run of it.
breakers = sa.Table(
    "automation_breakers",
    metadata,
    sa.Column("breaker_key", GATE, primary_key=True),
    sa.Column("circuit", STATE, nullable=False),
    sa.Column("streak", sa.Integer, nullable=False),
    sa.Column("since", UtcDateTime),
    sa.Column("tries_at", UtcDateTime),
    sa.Column("probe", ID),
    sa.Column("probe_attempt", sa.Integer),
    sa.Column("reason", LONG),
)

#: How it stands with each host that jobs ask, while no Redis keeps that: see `automation/limits/hosts.py`.
hosts = sa.Table(
    "automation_hosts",
    metadata,
    sa.Column("host", GATE, primary_key=True),
    sa.Column("state", LONG, nullable=False),
)
