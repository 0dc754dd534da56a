"""A whole clean-up: plan, guards, sweep, and what came of it.

Owns: the order of these, and the result that a run keeps.
Never: knows where the engine or the moment come from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.connection import transaction
from automation.cleanup.plan import Plan, make_plan
from automation.cleanup.rule import CleanupParams
from automation.cleanup.sweep import Sweep, Swept
from automation.clock import Clock, SystemClock
from automation.database import transient
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.secrets import mask_urls
from automation.text import count, instant, printable

Log = logging.Logger | logging.LoggerAdapter[Any]


def clean(
    engine: sa.Engine,
    params: CleanupParams,
    *,
    now: datetime,
    log: Log,
    dry_run: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Delete what the rule means, or only count it.

    Parameters
    ----------
    now: what ages count from; the same for every attempt of an occurrence, so that each has the same cutoff.
    dry_run: count and show, with what would be refused under `refusals`; nothing is written.

    Raises GiveUp when a guard or a foreign key speaks against it (nothing was deleted), JobFailed (config) when the
    rule does not fit the database, JobFailed otherwise when the database refuses; finished batches stay deleted.
    """
    _must_exist(engine)
    try:
        plan = make_plan(engine, params, now)
    except DBAPIError as error:
        kind = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        raise JobFailed(
            f"'{params.table}' cannot be read: {printable(mask_urls(str(error.orig)), 300)}", kind
        ) from error
    for warning in plan.warnings:
        log.warning("%s", warning)
    log.info(
        "%s of '%s' of %s before %s", count(plan.matched, "row"), params.table, f"{plan.total:,}", instant(plan.cutoff)
    )
    if dry_run or params.dry_run:
        return {**_result(plan, params, Swept(), plan.total), "dry_run": True, "refusals": list(plan.refusals)}
    if plan.refusals:
        raise GiveUp("nothing was deleted: " + "; ".join(plan.refusals))
    swept = Sweep(
        engine, plan.family, most=plan.matched, size=params.batch,
        clock=clock or SystemClock(), cancelled=cancelled, progress=progress,
    ).run()  # fmt: skip
    if not swept.complete and not swept.stopped:
        log.warning(
            "%s of %s were deleted; the others refer to each other in a circle",
            f"{swept.deleted:,}", count(plan.matched, "row"),
        )  # fmt: skip
    return {**_result(plan, params, swept, _remaining(engine, plan)), "dry_run": False}


def _must_exist(engine: sa.Engine) -> None:
    """SQLite would make an empty file of a name that was mistyped."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if path and not path.startswith((":memory:", "file:")) and not Path(path).exists():
        raise JobFailed(f"there is no database file {path}; check 'database'", FailureClass.CONFIG)


def _remaining(engine: sa.Engine, plan: Plan) -> int:
    with transaction(engine, writes=False) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(plan.family.root.clause)).scalar_one()


def _result(plan: Plan, params: CleanupParams, swept: Swept, remaining: int) -> dict[str, Any]:
    return {
        "table": params.table,
        "cutoff": instant(plan.cutoff),
        "read_as": plan.kind,
        "matched": plan.matched,
        "deleted": swept.deleted,
        "children": swept.children if swept.batches else dict.fromkeys(plan.children, 0),
        "matched_children": dict(plan.children),
        "detached": dict(plan.detached),
        "batches": swept.batches,
        "complete": swept.complete,
        "stopped": swept.stopped,
        "total": plan.total,
        "remaining": remaining,
        "percent": round(plan.percent, 2),
        "without_date": plan.undated,
        "unreadable": plan.unreadable,
        "in_future": plan.future,
        "oldest": plan.oldest,
        "newest": plan.newest,
        "sample": list(plan.sample),
    }
