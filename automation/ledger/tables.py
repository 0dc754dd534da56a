"""The ledger's tables.

Owns: names, columns, keys. All begin with `automation_`, so that the ledger may share a database.
Never: holds a query; changes without a migration beside it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

PREFIX = "automation_"

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NAME = sa.String(120)
ID = sa.String(32)
STATE = sa.String(16)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
#: SQLite counts a primary key by itself only when it is declared INTEGER.
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: The key of a limit or a breaker: who sets it, and a key of the user's.
GATE = sa.String(320)
_WAITING = sa.text("state IN ('queued', 'retrying')")
_IN_LINE = sa.text("waits_on IS NOT NULL")
#: The index of flows has nothing of a run that belongs to none.
_FLOWING = sa.text("flow IS NOT NULL")

revisions = sa.Table(
    "automation_revisions",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("activated_at", UtcDateTime, nullable=False),
    sa.Column("activated_by", NAME, nullable=False),
    # A digest of what the tables of schedules and jobs hold since then; absent while they hold something beside it.
    sa.Column("contents", sa.String(64)),
)

schedules = sa.Table(
    "automation_schedules",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("schedule", NAME, primary_key=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("cursor", UtcDateTime, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    # Of occurrences that are no longer kept: how many were to run, and the newest moment that was done.
    sa.Column("forgotten", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("forgotten_until", UtcDateTime),
)

runs = sa.Table(
    "automation_runs",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("job", NAME, nullable=False),
    sa.Column("plugin", NAME, nullable=False),
    sa.Column("schedule", NAME),
    sa.Column("kind", STATE, nullable=False),
    sa.Column("nominal_time", UtcDateTime, nullable=False),
    sa.Column("window_start", UtcDateTime, nullable=False),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("state", STATE, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("spent", sa.Integer, nullable=False, default=0),
    sa.Column("losses", sa.Integer, nullable=False, default=0),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("reason", LONG),
    sa.Column("queue", NAME, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON(none_as_null=True)),
    sa.Column("revision", sa.Integer, nullable=False, default=0),
    sa.Column("worker", NAME),
    sa.Column("pid", sa.Integer),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("deadline", UtcDateTime),
    sa.Column("published_at", UtcDateTime),
    sa.Column("rings", sa.Integer, nullable=False, default=0),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("body_digest", sa.String(64)),
    sa.Column("cancel_requested_at", UtcDateTime),
    sa.Column("done", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    sa.Column("planned_time", UtcDateTime),
    sa.Column("overlap_key", sa.String(200)),
    sa.Column("max_running", sa.Integer),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("batch", ID),
    sa.Column("waits_on", GATE),
    sa.Column("flow", sa.String(80)),
    sa.Column("flow_step", NAME),
    sa.Column("flow_index", sa.Integer),
    sa.UniqueConstraint("idempotency_key"),
    sa.Index("ix_automation_runs_overlap_state", "overlap_key", "state", "attempt"),
    sa.Index("ix_automation_runs_batch", "batch"),
    sa.Index("ix_automation_runs_flow", "flow", "flow_step", "state", postgresql_where=_FLOWING, sqlite_where=_FLOWING),
    sa.Index(
        "ix_automation_runs_line",
        "waits_on",
        "state",
        "priority",
        "due_at",
        postgresql_where=_IN_LINE,
        sqlite_where=_IN_LINE,
    ),
    sa.Index("ix_automation_runs_state_due", "state", "due_at"),
    sa.Index("ix_automation_runs_queue_waiting", "queue", "state", postgresql_where=_WAITING, sqlite_where=_WAITING),
    sa.Index("ix_automation_runs_job_queued", "job", "queued_at"),
    sa.Index("ix_automation_runs_queued", "queued_at"),
)

occurrences = sa.Table(
    "automation_occurrences",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("schedule", NAME, primary_key=True),
    sa.Column("nominal_time", UtcDateTime, primary_key=True),
    sa.Column("decision", STATE, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("run_id", ID, nullable=False),
)

attempts = sa.Table(
    "automation_attempts",
    metadata,
    sa.Column("run_id", ID, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("worker", NAME, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("outcome", STATE),
    sa.Column("failure_class", sa.String(32)),
    sa.Column("code", sa.String(200)),
    sa.Column("message", LONG),
    sa.Column("traceback", LONG),
)

logs = sa.Table(
    "automation_logs",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("run_id", ID, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("message", LONG, nullable=False),
    sa.Index("ix_automation_logs_run", "run_id", "id"),
)

artifacts = sa.Table(
    "automation_artifacts",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("run_id", ID, nullable=False),
    sa.Column("job", NAME, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("path", sa.String(1024), nullable=False),
    sa.Column("media_type", NAME, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("run_id", "name"),
    sa.Index("ix_automation_artifacts_job", "job", "run_id"),
)

onces = sa.Table(
    "automation_onces",
    metadata,
    sa.Column("scope", sa.String(300), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

job_state = sa.Table(
    "automation_job_state",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

processes = sa.Table(
    "automation_processes",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("kind", STATE, nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("heartbeat_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    sa.Column("info", sa.JSON, nullable=False),
)

#: One row for each overlap key: whoever takes a place of it locks the row, so that two do not take the last one.
slots = sa.Table("automation_slots", metadata, sa.Column("overlap_key", sa.String(200), primary_key=True))

#: One row for each unique key of a job, locked by whoever asks for a run with it; `run_id` is the newest one.
uniques = sa.Table(
    "automation_uniques",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("unique_key", sa.String(200), primary_key=True),
    sa.Column("run_id", ID),
    sa.Column("until", UtcDateTime),
    sa.Index("ix_automation_uniques_run", "run_id"),
)

#: Flows with a step that waits for one of which no run is recorded, which may never come: they are looked at again.
stalled = sa.Table(
    "automation_stalled",
    metadata,
    sa.Column("flow", sa.String(80), primary_key=True),
    sa.Column("look_at", UtcDateTime, nullable=False),
    sa.Index("ix_automation_stalled_look", "look_at"),
)

#: Ended pauses stay: what fell due while they lasted may be decided later.
pauses = sa.Table(
    "automation_pauses",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("level", STATE, nullable=False),
    sa.Column("target", sa.String(250), nullable=False),
    sa.Column("reason", LONG, nullable=False),
    sa.Column("author", NAME, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("ended_by", NAME),
    sa.Index("ix_automation_pauses_target", "level", "target"),
)

#: The jobs of the active configuration, as they were declared when it was activated.
jobs = sa.Table(
    "automation_jobs",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)
