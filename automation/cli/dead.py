"""`dead list|show|retry|discard` and `retry`: runs without a further attempt, and what becomes of them.

Owns: these commands' options, which dead letters they mean, and what is said of each.
Never: asks a question; what is too much to be meant by chance is refused until it is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.acts.many import MANY
from automation.cli.asked import By, RunIds, author_of, moment_back, require_job
from automation.cli.output import Json, choose, emit, emit_json
from automation.errors import FailureClass, InvalidInput, Refused
from automation.text import cause, count, format_duration, local_time, one_line, printable

if TYPE_CHECKING:
    from automation.ledger.dead import Letter, Wanted
    from automation.services import Services

_SHOWN = 10

_Job = Annotated[str | None, typer.Option("--job", help="Of this job only.")]
_Tag = Annotated[str | None, typer.Option("--tag", help="Of jobs with this tag only.")]
_Class = Annotated[
    str | None, typer.Option("--class", help="Whose last failure is of this class only.", metavar="CLASS")
]
_Since = Annotated[str | None, typer.Option("--since", help="That died since then: 2h back from now, or a moment.")]
_All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
_Max = Annotated[
    int | None, typer.Option("--max", min=1, help="At most so many, those for the earliest times.", metavar="N")
]
_Yes = Annotated[bool, typer.Option("--yes", help=f"More than {MANY} are meant.")]

dead = typer.Typer(help="Dead letters: runs without a further attempt.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dead, name="dead")
    app.command("retry")(retry)


@dead.command("list")
def list_letters(
    context: typer.Context,
    job: _Job = None,
    tag: _Tag = None,
    failure_class: _Class = None,
    since: _Since = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, the last to die first."""
    from automation.cli.opening import open_services

    services = open_services(context)
    wanted = _wanted(services, job, tag, failure_class, since)
    found = services.ledger.dead.letters(wanted, limit)
    if job and not found:
        require_job(services, job)
    rows = [one.as_json() if as_json else _row(one) for one in found]
    empty = "No dead letters" + ("" if wanted == type(wanted)() else " like that")
    emit(rows, as_json=as_json, spare=("attempts", "nominal_time"), empty=empty)


@dead.command("show")
def show_letter(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
) -> None:
    """Show a dead letter: its attempts, their tracebacks, and what bringing it back would do."""
    from automation.acts.runs import run_object
    from automation.cli.opening import open_services
    from automation.cli.runpage import as_text
    from automation.dispatch.replay import replay_of

    services = open_services(context)
    run = services.ledger.queries.run(run_id)
    if run.state != "dead":
        raise Refused(f"Run {run.id} of {run.job} is {run.state}, and no dead letter; see: automation show {run.id}")
    would = replay_of(services, run)
    if as_json:
        emit_json({**run_object(services.ledger, run), "replay": would.as_json()})
    else:
        lines = [as_text(services.ledger, run), "", f"{would.command} would make {would.what}"]
        typer.echo("\n".join([*lines, *(f"  {note}" for note in would.notes)]))


@dead.command("retry")
def retry_letters(
    context: typer.Context,
    run_ids: RunIds = None,
    job: _Job = None,
    tag: _Tag = None,
    failure_class: _Class = None,
    since: _Since = None,
    everything: _All = False,
    rate: Annotated[
        str | None, typer.Option("--rate", help="So many in a span: 30/m; default: all at once.", metavar="N/UNIT")
    ] = None,
    most: _Max = None,
    yes: _Yes = False,
    by: By = None,
) -> None:
    """Bring dead runs back: they are queued again, with all their attempts before them."""
    from automation.acts.dead import wait_between
    from automation.cli.opening import open_services

    every, author = wait_between(rate), author_of(by)
    services = open_services(context)
    wanted = _wanted(services, job, tag, failure_class, since)
    ids = _meant(services, run_ids, wanted, everything=everything, most=most, yes=yes)
    _bring_back(services, ids, author, every)


def retry(
    context: typer.Context,
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of dead runs, or their beginnings.")],
    by: By = None,
) -> None:
    """Try dead runs again: the same as `automation dead retry RUN`."""
    retry_letters(context, run_ids, by=by)


@dead.command("discard")
def discard_letters(
    context: typer.Context,
    run_ids: RunIds = None,
    job: _Job = None,
    tag: _Tag = None,
    failure_class: _Class = None,
    since: _Since = None,
    everything: _All = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; others will read it.")] = None,
    most: _Max = None,
    yes: _Yes = False,
    by: By = None,
) -> None:
    """Lay dead letters aside: the runs stay dead, and are listed no more."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave

    if not (reason or "").strip():
        raise InvalidInput('Say why, for those who wonder later: automation dead discard … --reason "…"')
    author = author_of(by)
    services = open_services(context)
    wanted = _wanted(services, job, tag, failure_class, since)
    ids = _meant(services, run_ids, wanted, everything=everything, most=most, yes=yes)
    gone = services.ledger.dead.discard(ids, (reason or "").strip(), author)
    for run_id in gone:
        leave(services.ledger, "run.discard", run_id, who=author, reason=reason)
    _tell_others(services, ids, gone)
    if not gone:
        raise Refused("Nothing was discarded: no dead letter is meant")
    typer.echo(f"{count(len(gone), 'dead letter')} laid aside; by its id a run still comes back: automation retry RUN")


def _wanted(
    services: Services, job: str | None, tag: str | None, failure_class: str | None, since: str | None
) -> Wanted:
    from automation.ledger.dead import Wanted

    kind = choose("failure class", failure_class, [str(one) for one in FailureClass]) if failure_class else None
    return Wanted(job, tag, kind, moment_back(since, services.clock.now()) if since else None)


def _meant(
    services: Services, run_ids: Sequence[str] | None, wanted: Wanted, *, everything: bool, most: int | None, yes: bool
) -> list[str]:
    from automation.acts.dead import meant

    ids = meant(services.ledger, run_ids or (), wanted, everything=everything, most=most, yes=yes)
    if not ids and wanted.job:
        require_job(services, wanted.job)
    return ids


def _bring_back(services: Services, ids: Sequence[str], author: str, every: timedelta) -> None:
    from automation.acts.dead import due_of
    from automation.cli.running import publish
    from automation.cli.trail import leave
    from automation.queue.admission import bring_back

    back, held = bring_back(services, ids, author, every)
    for run_id in back:
        leave(services.ledger, "run.retry", run_id, who=author)
    _tell_others(services, [one for one in ids if one not in held], back)
    for run_id, holder in list(held.items())[:_SHOWN]:
        typer.echo(f"Run {run_id} stays dead: {holder.words}", err=True)
    if len(held) > _SHOWN:
        typer.echo(f"So do {len(held) - _SHOWN} more, whose unique_key other runs hold", err=True)
    if held and not back:
        raise Refused("Nothing was brought back: other runs do the same work, or have just done it")
    if not back:
        raise Refused("Nothing was brought back: no run that is meant is dead")
    _tell_back(services, back, every)
    if due := due_of(services.ledger, back):
        publish(services, due)


def _tell_back(services: Services, back: Sequence[str], every: timedelta) -> None:
    """Say of each run when it is tried again; of many only how many they are."""
    if len(back) > _SHOWN:
        whole = format_duration(every * (len(back) - 1))
        pace = f", one every {format_duration(every)}, {whole} in all" if every else ""
        typer.echo(f"{len(back):,} runs are queued again{pace}")
        return
    for run in services.ledger.queries.several(back).values():
        when = f", not before {local_time(run.due_at)}" if every and run.id != back[0] else ""
        typer.echo(f"Run {run.id} of {run.job} is queued again{when}: attempt {run.attempt + 1} of {run.max_attempts}")


def _tell_others(services: Services, ids: Sequence[str], done: Sequence[str]) -> None:
    """Say of each run that was named why nothing was done with it."""
    others = set(ids).difference(done)
    for run in services.ledger.queries.several([one for one in ids if one in others]).values():
        laid_aside = "laid aside already" if run.state == "dead" else f"{run.state}, and no dead letter"
        typer.echo(f"Run {run.id} of {run.job} is {laid_aside}", err=True)


def _row(one: Letter) -> dict[str, Any]:
    run = one.run
    failure = cause(one.failure_class, one.code)
    return {
        "id": run.id,
        "job": run.job,
        "nominal_time": run.nominal_time,
        "died": run.finished_at,
        "attempts": run.attempt,
        "failure": printable(failure, 60),
        "reason": one_line(run.reason),
    }
