"""`run`, `runs`, `show`, `logs`: asking for a run and looking at what happened.

Owns: these commands' options and what they print.
Never: does a run, except through the runner with `--here`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.asked import Params
from automation.cli.remote import Url, run_there, runs_there, show_there

if TYPE_CHECKING:
    from automation.ledger.rows import RunRow
    from automation.services import Services

_LIMIT = typer.Option("-n", "--limit", min=1, max=100_000, help="At most so many, newest first.")
_JSON = typer.Option("--json", help="A JSON array, for programs.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("runs")(runs)
    app.command("show")(show)
    app.command("logs")(logs)


def run(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's name.", metavar="JOB")],
    params: Params = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end and exit by its outcome.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Do it in this process: no broker, worker or `up` needed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Let the plugin tell what it would do.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Asking again with the same key starts nothing.")
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option("--overlap", help='"allow" runs it beside a run that is at work; default: as the job says.'),
    ] = None,
    rerender: Annotated[
        str | None,
        typer.Option("--rerender", help="A report again, with the data that this run stored.", metavar="RUN"),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Not the jobs that follow this one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The run as a JSON object.")] = False,
    url: Url = None,
) -> None:
    """Run a job now."""
    from automation.cli.output import choose
    from automation.cli.running import Wish, run_job

    allow = overlap is not None and choose("way to overlap", overlap, ["allow"]) == "allow"
    wish = Wish(job, tuple(params or ()), wait, here, dry_run, idempotency_key, as_json, allow, only, rerender)
    code = run_there(url, wish) if url else run_job(context, wish)
    if code:
        raise typer.Exit(code)


def runs(
    context: typer.Context,
    job: Annotated[str | None, typer.Option("--job", help="Of this job only.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="In this state only.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="A duration back from now (2h), or a moment.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Of this backfill only.", metavar="ID")] = None,
    flow: Annotated[str | None, typer.Option("--flow", help="Of this flow only.", metavar="ID")] = None,
    limit: Annotated[int, _LIMIT] = 50,
    as_json: Annotated[bool, _JSON] = False,
    url: Url = None,
) -> None:
    """List runs, newest first."""
    if url:
        runs_there(url, limit, as_json=as_json, job=job, state=state, since=since, batch=batch, flow=flow)
        return
    from automation.cli.asked import moment_back, require_batch, require_flow, require_job
    from automation.cli.opening import open_services
    from automation.cli.output import choose, emit
    from automation.ledger.states import State

    wanted = choose("state", state, [str(one) for one in State]) if state else None
    services = open_services(context)
    start = moment_back(since, services.clock.now()) if since else None
    found = services.ledger.queries.runs(job=job, state=wanted, since=start, batch=batch, flow=flow, limit=limit)
    if job and not found:
        require_job(services, job)
    if batch and not found:
        require_batch(services, batch)
    if flow and not found:
        require_flow(services, flow)
    start_one = f"No runs yet; start one with: automation run {job or 'JOB'}"
    columns = ("id", "job", "kind", "nominal_time", "state", "attempt", "duration", "reason")
    rows = [row.as_json() if as_json else _line(row) for row in found]
    empty = "No run is like that" if state or since or batch or flow else start_one
    emit(rows, as_json=as_json, columns=columns, spare=("attempt", "kind", "duration"), empty=empty)


def show(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")],
    effective: Annotated[
        bool, typer.Option("--effective", help="RUN is a job: each value that counts for it, and where it comes from.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object with attempts and artifacts.")] = False,
    url: Url = None,
) -> None:
    """Show one run: attempts, result, files, mails; or what counts for a job."""
    if url:
        show_there(url, run_id, as_json=as_json)
        return
    if effective:
        from automation.cli.effective import show_effective

        show_effective(context, run_id, as_json=as_json)
        return
    from automation.acts.runs import run_object
    from automation.cli.opening import open_services
    from automation.cli.output import emit_json
    from automation.cli.runpage import as_text

    services = open_services(context)
    found = _run(services, run_id)
    if as_json:
        emit_json(run_object(services.ledger, found))
    else:
        typer.echo(as_text(services.ledger, found))


def logs(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array; with -f an object a line.")] = False,
) -> None:
    """Show the log lines of a run."""
    from automation.cli.opening import open_services
    from automation.cli.runpage import print_log

    services = open_services(context)
    print_log(services, _run(services, run_id), follow=follow, as_json=as_json)


def _run(services: Services, run_id: str) -> RunRow:
    """The run of this id. Raises UnknownName, which helps those who gave the name of a job."""
    from automation.errors import UnknownName

    try:
        return services.ledger.queries.run(run_id)
    except UnknownName as error:
        if run_id not in services.project.jobs:
            raise
        hint = f"it is a job; see: automation runs --job {run_id}, or automation show {run_id} --effective"
        raise UnknownName("run", run_id, hint=f"; {hint}") from error


def _line(row: object) -> dict[str, object]:
    from automation.ledger.rows import RunRow
    from automation.text import one_line

    assert isinstance(row, RunRow)
    span = row.finished_at - row.started_at if row.finished_at and row.started_at else None
    attempt = f"{row.attempt}/{row.max_attempts}" if row.attempt else ""
    shown = {name: getattr(row, name) for name in ("id", "job", "kind", "nominal_time", "state")}
    return {**shown, "attempt": attempt, "duration": span, "reason": one_line(row.reason)}
