"""The plugin `cleanup`: delete rows that are no longer needed, with their children and nothing else.

Owns: handing a job's parameters and moment to the clean-up engine, and whether it may delete.
Never: builds SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from automation import Context, Snooze, plugin
from automation.cleanup.rule import CleanupParams

_REMEMBERED = 10


@plugin("cleanup", backfillable=False)
def cleanup(ctx: Context, params: CleanupParams) -> dict[str, Any]:
    """Delete old rows of a table, in short transactions, with the rows of other tables that belong to them.

    Ages count from the run's nominal time, so that another attempt has the same cutoff. Nothing is deleted when a
    guard or a foreign key speaks against it, and nothing before somebody approved the plan (`automation approve`), unless
    `unattended = true`; `dry_run = true` counts and shows what would go.
    """
    from automation.cleanup.clean import Work, clean
    from automation.cleanup.guards import file_guards

    digest = params.digest()
    asked = ctx.dry_run or params.dry_run
    dry_run = asked or not (params.unattended or ctx.effects.approved(digest))
    work = Work(
        now=ctx.nominal_time,
        log=ctx.log,
        dry_run=dry_run,
        key=ctx.run_id,
        cancelled=lambda: ctx.cancelled,
        progress=ctx.progress,
        folder=ctx.project,
        databases=ctx.database,
        marks=ctx.data / "cleanup" if ctx.data else None,
        former=lambda rule: _former(ctx, digest, rule),
    )
    if params.files is not None:
        from automation.cleanup.files import clean_files

        result = clean_files(
            params.files, ctx.project, now=ctx.nominal_time, log=ctx.log, guards=partial(file_guards, params),
            dry_run=dry_run, cancelled=work.cancelled, progress=ctx.progress,
        ) | {"plan": digest}  # fmt: skip
    elif params.partitions is not None:
        from automation.cleanup.partition_work import clean_partitions

        engine = ctx.database(params.database, read_only=dry_run)
        result = clean_partitions(engine, params, work) | {"plan": digest}
    else:
        result = clean(ctx.database(params.database, read_only=dry_run), params, work) | {"plan": digest}
    if dry_run:
        ctx.effects.propose(digest, result)
        if not asked:
            ctx.log.warning(
                "Nothing was deleted: plan %s waits for somebody to look at it: automation approve %s",
                digest,
                ctx.job.name,
            )
        return result
    if result["asked"]:
        raise Snooze(1, f"stopped after {result['deleted']:,} of {result['matched']:,}; the rest is for later")
    _remember(ctx, digest, result)
    if params.archive and params.archive.artifact:
        _keep_files(ctx, result)
    return result


def _keep_files(ctx: Context, result: dict[str, Any]) -> None:
    for one in result.get("rules", [result]):
        one["files"] = [ctx.artifact(Path(file).name, Path(file)).name for file in one["files"]]


def _former(ctx: Context, digest: str, rule: int) -> Sequence[int]:
    """What the last runs of the same rules found."""
    kept = ctx.state.get("matched", {})
    return [row[rule] for row in kept.get(digest, []) if rule < len(row)]


def _remember(ctx: Context, digest: str, result: dict[str, Any]) -> None:
    found = [one["matched"] for one in result.get("rules", [result])]
    rows = [*ctx.state.get("matched", {}).get(digest, []), found]
    ctx.state["matched"] = {digest: rows[-_REMEMBERED:]}
