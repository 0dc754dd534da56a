"""Partitions of a table: making those to come, having those removed that are old, and what came of it.

Owns: the order (make, guards, remove), the statements that make partitions, the result.
Never: removes one itself; waits long for a lock on the table.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.batch import table_of
from automation.cleanup.clean import Work
from automation.cleanup.connection import Session, be_brief, session, transaction
from automation.cleanup.counting import rows_of
from automation.cleanup.partition_bounds import Partition
from automation.cleanup.partition_plan import PartitionPlan, plan_partitions
from automation.cleanup.partition_removal import Done, Removal
from automation.cleanup.rule import CleanupParams
from automation.cleanup.sweep import persistently, said
from automation.cleanup.upkeep import keep_up
from automation.database import transient
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.text import count, instant


def clean_partitions(engine: sa.Engine, params: CleanupParams, work: Work) -> dict[str, Any]:
    """Make partitions ahead, and detach or drop old ones; or only say which.

    Raises GiveUp when a guard or a reference speaks against what is to go (what is to come was made all the same),
    JobFailed when the table or the database refuses; partitions that went before stay gone.
    """
    rule = params.partitions
    assert rule is not None
    try:
        plan = plan_partitions(engine, params, rule, work.now, work.former(0))
    except DBAPIError as error:
        kind = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        raise JobFailed(f"'{params.table}' cannot be read: {said(error)}", kind) from error
    for warning in plan.warnings:
        work.log.warning("%s", warning)
    work.log.info(
        "%s of '%s' of %s would go, with %s; %s would be made",
        len(plan.goes), params.table, count(len(plan.all), "partition"), count(plan.counts.matched, "row"), len(plan.missing),
    )  # fmt: skip
    dry_run = work.dry_run or params.dry_run
    if dry_run:
        return _result(plan, Done(), rule.action, plan.counts.total) | {
            "dry_run": True,
            "refusals": list(plan.refusals),
        }
    with session(engine) as one:
        _make_ahead(one, plan, work)
        if plan.refusals:
            raise GiveUp("no partition went: " + "; ".join(plan.refusals))
        done = Removal(engine, one, plan, params, work).run()
    upkeep = keep_up(engine, [plan.root], params.after, work.log) if params.after and done.gone else []
    with transaction(engine, writes=False) as connection:
        remaining = rows_of(connection, plan.root.clause)
    result = _result(plan, done, rule.action, remaining)
    made = {"partitions_left": result["partitions_left"] + len(plan.missing)}
    return result | made | {"dry_run": False, "after": upkeep}


def _make_ahead(one: Session, plan: PartitionPlan, work: Work) -> None:
    """On PostgreSQL each by itself; on MariaDB all in one statement, splitting the last one where it has no end."""
    for statement in _making(one.engine.dialect, plan):

        def make(statement: str = statement) -> None:
            with one.transaction(writes=True) as connection:
                be_brief(connection)
                connection.exec_driver_sql(statement)

        persistently(make, plan.root.name.table, work.clock, again=lambda _error: None)
        work.log.info("%s", statement)


def _making(dialect: sa.Dialect, plan: PartitionPlan) -> list[str]:
    quote, table = dialect.identifier_preparer, plan.root
    whole, write = quote.format_table(table_of(table)), plan.scheme.write
    if not plan.missing:
        return []
    if dialect.name == "postgresql":
        return [
            f"CREATE TABLE {quote.format_table(sa.table(new.name.table, schema=new.name.schema))} PARTITION OF {whole} "
            f"FOR VALUES FROM ({write(new.start)}) TO ({write(new.end)})"
            for new in plan.missing
            if new.start and new.end
        ]
    made = [
        f"PARTITION {quote.quote(new.name.table)} VALUES LESS THAN ({write(new.end)})"
        for new in plan.missing
        if new.end
    ]
    if plan.last is None:
        return [f"ALTER TABLE {whole} ADD PARTITION ({', '.join(made)})"]
    last = quote.quote(plan.last.name.table)
    made.append(f"PARTITION {last} VALUES LESS THAN MAXVALUE")
    return [f"ALTER TABLE {whole} REORGANIZE PARTITION {last} INTO ({', '.join(made)})"]


def _result(plan: PartitionPlan, done: Done, action: str, remaining: int) -> dict[str, Any]:
    """What `automation show` shows of partitions."""
    did = "detached" if action == "detach" else "dropped"
    gone = {one.name for one in done.gone}
    return {
        "table": plan.root.name.table,
        "cutoff": instant(plan.cutoff) if plan.cutoff else None,
        "action": action,
        "matched": plan.counts.matched + done.before,
        "deleted": done.rows,
        "deleted_is": "exact" if done.recorded or not done.gone else "at least",
        "partitions": [
            _shown(plan, one) | {"rows": plan.rows[one.name.table], "did": did if one.name in gone else "nothing"}
            for one in plan.goes
        ],
        "ahead": [_shown(plan, one) for one in plan.missing],
        "partitions_left": len(plan.all) - len(gone),
        "archived": done.archived,
        "files": [str(path) for path in done.files],
        "complete": done.stopped is None,
        "stopped": done.stopped,
        "asked": done.asked,
        "resumed": done.before > 0,
        "seconds": round(done.seconds, 3),
        "total": plan.counts.total,
        "remaining": remaining,
        "percent": round(plan.counts.percent, 2),
        "without_date": plan.counts.undated,
    }


def _shown(plan: PartitionPlan, one: Partition) -> dict[str, Any]:
    start, end = (instant(plan.scheme.instant(at)) if at else None for at in (one.start, one.end))
    return {"name": one.name.table, "from": start, "to": end}
