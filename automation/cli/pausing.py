"""`pause`, `resume`, `pauses`: keeping schedules from firing for a while.

Owns: these commands, and what they say of a pause.
Never: decides what becomes of a fire; the scheduler does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.asked import By, author_of
from automation.cli.output import Json, emit, notice
from automation.errors import InvalidInput, UnknownName
from automation.text import count, local_time, printable

if TYPE_CHECKING:
    from automation.ledger.rows import PauseRow
    from automation.project.model import Job
    from automation.project.targets import Target
    from automation.services import Services

_Name = Annotated[str | None, typer.Argument(help="A job, or one of its schedules.", metavar="JOB[/SCHEDULE]")]
_Tag = Annotated[str | None, typer.Option("--tag", help="Every job with this tag.")]
_All = Annotated[bool, typer.Option("--all", help="Every job of the project.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("pauses")(pauses)


def pause(
    context: typer.Context,
    name: _Name = None,
    tag: _Tag = None,
    everything: _All = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; others will read it.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="A duration from now (2h), or a moment; default: until resumed.")
    ] = None,
    by: By = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Ask its open runs to stop, too.")] = False,
) -> None:
    """Keep schedules from firing: of a job, of a tag, of all."""
    from automation.acts.pauses import described, meant
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.project.targets import read_target

    target = read_target(name, tag, everything=everything)
    if not (reason or "").strip():
        raise InvalidInput(f'Say why, for those who wonder later: automation pause {target.words} --reason "…"')
    services = open_services(context)
    jobs = meant(services.project, services.ledger, target)
    if not jobs:
        notice(f"The files do not declare {target} now; it is paused as the scheduler knows it")
    end = _end(until, services.clock.now()) if until else None
    made = services.ledger.pauses.pause(target.level, target.name, (reason or "").strip(), author_of(by), end)
    leave(services.ledger, "pause", str(target), who=made.author, reason=made.reason, until=made.until)
    typer.echo(f"Paused: {described(made)}")
    span = f"until {_shown(end)}" if end else "from now on"
    typer.echo(
        f"Fires {span} are recorded as skipped; `automation run {jobs[0].name if len(jobs) == 1 else 'JOB'}` still works. "
        f"End it with: automation resume {target.words}"
    )
    _tell_open_runs(services, target, jobs, cancel=cancel)


def resume(
    context: typer.Context, name: _Name = None, tag: _Tag = None, everything: _All = False, by: By = None
) -> None:
    """End a pause; what would have fired meanwhile stays skipped."""
    from automation.acts.pauses import described, still
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.project.targets import covered, read_target, target_of

    target = read_target(name, tag, everything=everything)
    services = open_services(context)
    ended = services.ledger.pauses.end(target.level, target.name, author_of(by))
    leave(services.ledger, "resume", str(target), who=author_of(by))
    left = services.ledger.pauses.current()
    for one in ended:
        typer.echo(f"Resumed: {target}, paused since {_shown(one.since)} by {_who(one)}")
    try:
        jobs = covered(services.project, target)
    except UnknownName:
        # What is no longer declared may still be paused.
        if not ended:
            raise
        jobs = []
    if not ended:
        typer.echo("There was no pause of everything" if target.level == "all" else f"Not paused: {target}")
    for one in still(left, jobs, target):
        typer.echo(f"Still paused: {described(one)}. End it with: automation resume {target_of(one).words}")


def pauses(context: typer.Context, as_json: Json = False) -> None:
    """List what is paused, by whom and why."""
    from automation.acts.pauses import row
    from automation.cli.opening import open_services

    services = open_services(context)
    rows = [row(one) for one in services.ledger.pauses.current()]
    columns = ("level", "target", "reason", "author", "since", "until")
    emit(rows, as_json=as_json, columns=columns, empty="Nothing is paused.")


def tell_paused(services: Services, job: Job) -> None:
    """A notice for whoever runs a paused job by hand."""
    from automation.acts.pauses import described
    from automation.dispatch.pausing import concerning

    for one in concerning(job, "", services.ledger.pauses.current()):
        notice(f"The schedules of job '{job.name}' are paused ({described(one)}); this run is not held up")


def shown_state(row: Mapping[str, Any]) -> str:
    """The state of a job's row in a table; with the reason when something of it is paused."""
    if row["state"] == "paused":
        return f"paused: {row['reason']}"
    return f"enabled; paused: {row['reason']}" if row["state"] == "enabled" and row["reason"] else str(row["state"])


def _end(text: str, now: datetime) -> datetime:
    """The moment that `--until` means. Raises InvalidInput for one that has passed."""
    from automation.cli.output import parse_moment
    from automation.text import parse_duration

    try:
        end = now + parse_duration(text)
    except ValueError:
        end = parse_moment(text, 'a span from now such as "2h", or ')
    if end <= now:
        raise InvalidInput(f"--until {printable(text, 60)} has passed; give a moment to come, or a span such as 2h")
    return end


def _tell_open_runs(services: Services, target: Target, jobs: Sequence[Job], *, cancel: bool) -> None:
    """Say what goes on regardless; with `cancel` ask it to stop."""
    from automation.acts.pauses import open_runs

    found = open_runs(services.ledger, target, jobs)
    if not found:
        return
    if not cancel:
        notice(
            f"{count(len(found), 'open run')} of it may go on; stop them with: automation cancel RUN, see: automation runs"
        )
        return
    from automation.cli.cancel import cancel_runs

    cancel_runs(services, found)


def _who(one: PauseRow) -> str:
    return printable(one.author, 60)


def _shown(moment: datetime) -> str:
    return local_time(moment, "minutes")
