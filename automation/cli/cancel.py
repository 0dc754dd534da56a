"""`cancel`: runs that wait do not begin, runs at work are asked to stop.

Owns: this command, and what is said of each run.
Never: ends a run by force; its worker does, when the run does not stop by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.asked import RunIds, require_batch, require_job
from automation.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from automation.ledger.rows import RunRow
    from automation.services import Services


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cancel")(cancel)


def cancel(
    context: typer.Context,
    run_ids: RunIds = None,
    batch: Annotated[str | None, typer.Option("--batch", help="The open runs of this backfill.", metavar="ID")] = None,
    job: Annotated[str | None, typer.Option("--job", help="The open runs of this job.")] = None,
) -> None:
    """Cancel runs: those that wait at once, those at work are asked to stop."""
    from automation.cli.opening import open_services

    if sum(map(bool, (run_ids, batch, job))) != 1:
        raise InvalidInput("Say which runs: exactly one of RUN…, --batch ID or --job JOB; see: automation runs")
    services = open_services(context)
    found = _meant(services, run_ids or (), batch, job)
    cancelled = cancel_runs(services, found)
    if not cancelled:
        raise Refused("Nothing was cancelled: no run that was meant is open")


def cancel_runs(services: Services, found: Sequence[RunRow]) -> int:
    """Cancel these runs, and say of each what became of it; returns how many were open."""
    from automation.acts.runs import cancel
    from automation.cli.trail import leave

    fates = cancel(services.ledger, found)
    for run, fate in fates:
        if fate is not None:
            leave(services.ledger, "run.cancel", run.id, job=run.job)
        typer.echo(f"Run {run.id} of {run.job} {fate or f'has ended before: {run.state}'}")
    return sum(fate is not None for _, fate in fates)


def _meant(services: Services, run_ids: Sequence[str], batch: str | None, job: str | None) -> list[RunRow]:
    queries = services.ledger.queries
    if batch:
        require_batch(services, batch)
        return queries.open(batch=batch)
    if job:
        require_job(services, job)
        return queries.open(job=job)
    return [queries.run(run_id) for run_id in run_ids]
