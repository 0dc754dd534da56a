"""`approve`: letting a clean-up delete what its plan says.

Owns: the command, and how a plan looks.
Never: makes a plan; a dry run of the job does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.asked import By, author_of
from automation.cli.output import Json, emit, notice
from automation.errors import InvalidInput
from automation.text import count, local_time

if TYPE_CHECKING:
    from automation.ledger.plans import PlanRow


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("approve")(approve)


def approve(
    context: typer.Context,
    job: Annotated[str | None, typer.Argument(help="The job; without it, all plans are listed.")] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", help="The plan's hash; default: the newest plan.", metavar="HASH")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back the approval of its plans.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Let a clean-up delete what its plan says, from now on, as long as its rules stay the same."""
    from automation.acts.plans import chosen, plan_row
    from automation.cli.opening import open_services
    from automation.cli.trail import leave

    author, services = author_of(by), open_services(context)
    plans = services.ledger.plans
    if job is None:
        if plan or withdraw:
            raise InvalidInput("Name the job: automation approve JOB")
        rows = [plan_row(one) for one in plans.newest()]
        columns = ("job", "plan", "made", "would_go", "approved")
        emit(rows, as_json=as_json, columns=columns, empty="No job has a plan: automation run JOB --dry-run")
        return
    services.job(job)
    if withdraw:
        taken = plans.withdraw(job)
        leave(services.ledger, "job.withdraw", job, who=author)
        typer.echo(f"{count(taken, 'approval')} of '{job}' taken back; its runs make plans again, and delete nothing")
        return
    found = chosen(services.ledger, job, plan, services.clock.now())
    for line in _lines(found):
        typer.echo(line)
    plans.approve(job, found.digest, author)
    leave(services.ledger, "job.approve", job, who=author, plan=found.digest)
    typer.echo(f"Approved by {author}: from now on '{job}' deletes what its rules mean, within its guards")
    notice(f"At once: automation run {job}. A change of its rules or guards needs a new plan and approval")


def _lines(one: PlanRow) -> list[str]:
    from automation.acts.plans import described, parts

    lines = [f"Plan {one.digest} of '{one.job}', made {local_time(one.made_at)} by run {one.run_id}:"]
    for part in parts(one):
        lines.append(f"  {described(part)}")
        lines += [f"    with {rows:,} of '{name}'" for name, rows in (part.get("matched_children") or {}).items()]
        if part.get("access"):
            lines.append(f"    found by: {part['access']}")
    return lines
