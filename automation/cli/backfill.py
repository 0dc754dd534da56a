"""`backfill`: runs for fires of the past that have none.

Owns: the command's options, what it prints, and following a batch to its end.
Never: decides which fires run; `dispatch.backfill` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.output import choose, emit, emit_json, notice
from automation.text import count

if TYPE_CHECKING:
    from automation.acts.backfill import Wish
    from automation.dispatch.backfill import PastFire
    from automation.ledger.rows import NewRun
    from automation.project.model import Job
    from automation.services import Services

_FOLLOW_SECONDS = 0.5
_SELECT = 'Which fires: "missing" (no success, default), "failed" or "all".'


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backfill")(backfill)


def backfill(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's name.", metavar="JOB")],
    since: Annotated[str, typer.Option("--from", help="From this date or moment on, itself included.", metavar="A")],
    until: Annotated[str, typer.Option("--to", help="Before this date or moment.", metavar="B")],
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="Only this schedule of the job.", metavar="ID")
    ] = None,
    select: Annotated[str, typer.Option("--select", help=_SELECT)] = "missing",
    order: Annotated[str, typer.Option("--order", help='"oldest" first (default) or "newest".')] = "oldest",
    max_parallel: Annotated[int, typer.Option("--max-parallel", min=1, max=1000, help="So many at once.")] = 1,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=100_000, help="Record none when there are more.")
    ] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the list, record nothing.")] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Send the runs' mails; default: they are off.")] = False,
    ignore_calendars: Annotated[bool, typer.Option("--ignore-calendars", help="Run in blackouts, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also a plugin that works on what is there now.")] = False,
    only: Annotated[bool, typer.Option("--only", help="Not the jobs that follow this one.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow to the end; exit 1 when a run died.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The list as a JSON array.")] = False,
) -> None:
    """Run what a job missed between two moments."""
    from automation.acts.backfill import Wish, past_fires_of, record_batch
    from automation.cli.opening import open_services
    from automation.cli.pausing import tell_paused
    from automation.cli.trail import leave
    from automation.dispatch.backfill import ORDERS, SELECTIONS

    choose("selection", select, SELECTIONS)
    choose("order", order, ORDERS)
    wish = Wish(job, since, until, schedule, select, order, max_parallel, limit, notify, ignore_calendars, force, only)
    services = open_services(context)
    selected = past_fires_of(services, wish)
    _tell_settled(services.job(job), selected)
    fires = [fire for fire in selected if fire.settled is None]
    new = [] if dry_run else record_batch(services, wish, fires)
    if new:
        leave(services.ledger, "job.backfill", job, batch=new[0].batch, runs=len(new))
        tell_paused(services, services.job(job))
    _print(fires, new, wish, as_json=as_json)
    if new:
        _start(services, wish, new)
    if wait and new:
        _follow(services, new[0].batch or "")


def _print(fires: Sequence[PastFire], new: Sequence[NewRun], wish: Wish, *, as_json: bool) -> None:
    """The list in the order in which it runs; then what to do next."""
    from automation.acts.backfill import fire_row

    ids = {(run.schedule, run.nominal_time): run for run in new}
    ordered = list(reversed(fires)) if wish.order == "newest" else fires
    rows = [fire_row(wish.job, fire, ids.get((fire.schedule.id, fire.nominal_time))) for fire in ordered]
    if as_json:
        emit_json(rows)
        return
    shown = [
        {
            **row,
            "nominal_time": f"{row['nominal_time']:%Y-%m-%d %H:%M:%S}Z",
            "local_time": row["local_time"].replace("T", " "),
        }
        for row in rows
    ]
    columns = ["schedule", "nominal_time", "local_time", *(["run"] if new else []), "excluded"]
    emit(shown, as_json=False, columns=columns, spare=("nominal_time",), empty="Nothing to run.")
    if rows and not new:
        wanted = sum(fire.runs for fire in fires)
        cut = f"; that takes --limit {wanted}" if wanted > wish.limit else ""
        notice(f"{count(wanted, 'run')} would be recorded; nothing was{cut}.")


def _start(services: Services, wish: Wish, new: Sequence[NewRun]) -> None:
    """Ring for as many as may begin; whoever rings for runs that found no place does so for the others, in their order."""
    from automation.cli.running import publish
    from automation.ledger.rows import Waiting

    batch = new[0].batch
    notice(
        f"{count(len(new), 'run')} recorded as batch {batch}. Follow: automation runs --batch {batch}; "
        f"stop: automation cancel --batch {batch}"
    )
    publish(services, [Waiting(run.id, run.queue, run.priority) for run in new[: wish.max_parallel]])


def _tell_settled(job: Job, selected: Sequence[PastFire]) -> None:
    settled = [fire for fire in selected if fire.settled]
    if not selected:
        notice(f"Job '{job.name}' does not fire in that time.")
    elif settled:
        last = settled[-1]
        notice(
            f"{count(len(settled), 'fire')} of {len(selected):,} left alone; "
            f"{last.schedule.id} {last.nominal_time:%Y-%m-%d %H:%M:%S}Z: {last.settled}"
        )


def _follow(services: Services, batch: str) -> None:
    """Say how far the batch is until nothing of it is open. Ends with 1 when a run of it died."""
    from automation.ledger.states import OPEN, State

    before = None
    while True:
        counts = services.ledger.queries.counts(batch=batch)
        if counts != before:
            notice(", ".join(f"{number} {state}" for state, number in sorted(counts.items())))
        if not any(state in counts for state in OPEN):
            break
        before = counts
        services.clock.sleep(_FOLLOW_SECONDS)
    if State.DEAD in counts:
        raise typer.Exit(1)
