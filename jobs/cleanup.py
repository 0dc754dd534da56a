"""The plugin `cleanup`: delete rows that are older than they need to be, with their children and nothing else.

Owns: handing a job's parameters and moment to the clean-up engine.
Never: builds SQL.
"""

from __future__ import annotations

from typing import Any

from automation import Context, Snooze, plugin
from automation.cleanup.rule import CleanupParams


@plugin("cleanup", backfillable=False)
def cleanup(ctx: Context, params: CleanupParams) -> dict[str, Any]:
    """Delete old rows of a table, in short transactions, with the rows of other tables that belong to them.

    Ages count from the run's nominal time, so that another attempt has the same cutoff. Nothing is deleted when a
    guard or a foreign key speaks against it; `dry_run = true` counts and shows what would go.
    """
    from automation.cleanup.clean import clean

    dry_run = ctx.dry_run or params.dry_run
    result = clean(
        ctx.database(params.database, read_only=dry_run),
        params,
        now=ctx.nominal_time,
        log=ctx.log,
        dry_run=dry_run,
        cancelled=lambda: ctx.cancelled,
        progress=ctx.progress,
    )
    if result["stopped"]:
        raise Snooze(1, f"stopped after {result['deleted']:,} of {result['matched']:,} rows; the rest is for later")
    return result
