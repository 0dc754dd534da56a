"""The first tables: revisions, schedules, occurrences, runs, attempts, logs, artifacts, outbox, processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "automation_artifacts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_artifacts")),
        sa.UniqueConstraint("run_id", "name", name=op.f("uq_automation_artifacts_run_id_name")),
    )
    op.create_table(
        "automation_attempts",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("failure_class", sa.String(length=32), nullable=True),
        sa.Column("code", sa.String(length=200), nullable=True),
        sa.Column("message", LONG, nullable=True),
        sa.Column("traceback", LONG, nullable=True),
        sa.PrimaryKeyConstraint("run_id", "attempt", name=op.f("pk_automation_attempts")),
    )
    op.create_table(
        "automation_job_state",
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("job", "name", name=op.f("pk_automation_job_state")),
    )
    op.create_table(
        "automation_logs",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("message", LONG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_logs")),
    )
    with op.batch_alter_table("automation_logs", schema=None) as batch_op:
        batch_op.create_index("ix_automation_logs_run", ["run_id", "id"], unique=False)

    op.create_table(
        "automation_occurrences",
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("schedule", sa.String(length=120), nullable=False),
        sa.Column("nominal_time", UtcDateTime(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("job", "schedule", "nominal_time", name=op.f("pk_automation_occurrences")),
    )
    op.create_table(
        "automation_onces",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_automation_onces")),
    )
    op.create_table(
        "automation_outbox",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("message_key", sa.String(length=200), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=998), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("message", BYTES, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("response", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_outbox")),
    )
    with op.batch_alter_table("automation_outbox", schema=None) as batch_op:
        batch_op.create_index("ix_automation_outbox_state_due", ["state", "due_at"], unique=False)
        batch_op.create_index("uq_automation_outbox_key", ["scope", "message_key", "recipient"], unique=True)

    op.create_table(
        "automation_processes",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_processes")),
    )
    op.create_table(
        "automation_revisions",
        sa.Column("revision", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("activated_at", UtcDateTime(), nullable=False),
        sa.Column("activated_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_automation_revisions")),
    )
    op.create_table(
        "automation_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("plugin", sa.String(length=120), nullable=False),
        sa.Column("schedule", sa.String(length=120), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("nominal_time", UtcDateTime(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("queued_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("reason", LONG, nullable=True),
        sa.Column("queue", sa.String(length=120), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("deadline", UtcDateTime(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("body_digest", sa.String(length=64), nullable=True),
        sa.Column("cancel_requested_at", UtcDateTime(), nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_automation_runs_idempotency_key")),
    )
    with op.batch_alter_table("automation_runs", schema=None) as batch_op:
        batch_op.create_index("ix_automation_runs_job_queued", ["job", "queued_at"], unique=False)
        batch_op.create_index("ix_automation_runs_queued", ["queued_at"], unique=False)
        batch_op.create_index("ix_automation_runs_state_due", ["state", "due_at"], unique=False)

    op.create_table(
        "automation_schedules",
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("schedule", sa.String(length=120), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("cursor", UtcDateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job", "schedule", name=op.f("pk_automation_schedules")),
    )
    _tell_keys_apart()


def _tell_keys_apart() -> None:
    """MariaDB's and MySQL's own order takes `AB12`, `ab12` and `AB12 ` for one key, and the second mail for sent."""
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        tables = (
            "artifacts",
            "attempts",
            "job_state",
            "logs",
            "occurrences",
            "onces",
            "outbox",
            "processes",
            "revisions",
        )
        for table in (*tables, "runs", "schedules"):
            op.execute(f"ALTER TABLE automation_{table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("automation_schedules")
    with op.batch_alter_table("automation_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_automation_runs_state_due")
        batch_op.drop_index("ix_automation_runs_queued")
        batch_op.drop_index("ix_automation_runs_job_queued")

    op.drop_table("automation_runs")
    op.drop_table("automation_revisions")
    op.drop_table("automation_processes")
    with op.batch_alter_table("automation_outbox", schema=None) as batch_op:
        batch_op.drop_index("uq_automation_outbox_key")
        batch_op.drop_index("ix_automation_outbox_state_due")

    op.drop_table("automation_outbox")
    op.drop_table("automation_onces")
    op.drop_table("automation_occurrences")
    with op.batch_alter_table("automation_logs", schema=None) as batch_op:
        batch_op.drop_index("ix_automation_logs_run")

    op.drop_table("automation_logs")
    op.drop_table("automation_job_state")
    op.drop_table("automation_attempts")
    op.drop_table("automation_artifacts")
