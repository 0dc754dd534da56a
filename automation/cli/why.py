"""`automation why`: why a job ran, did not run, waits, will run or will not.

Owns: the command and how the steps of an explanation look.
Never: explains; `dispatch/` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.output import Json, emit_json, notice, parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automation.dispatch.facts import FireFacts, JobFacts, Step


def register(app: typer.Typer) -> None:
    """Give this command to the app."""
    app.command("why")(why)


def why(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's name.", metavar="JOB")],
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help="The fire at this moment, past or to come; default: the last one and the next.", metavar="T"
        ),
    ] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help="Of this schedule only.", metavar="ID")] = None,
    as_json: Json = False,
) -> None:
    """Explain a fire of a job, past or to come: the whole chain of what decides whether it runs."""
    from automation.acts.reasons import step_row
    from automation.cli.opening import ledger_if_any, open_services
    from automation.dispatch.evidence import gather
    from automation.dispatch.explain import explain

    moment = parse_moment(at) if at else None
    services = open_services(context)
    project = services.read_project(only=job)
    facts, fires = gather(ledger_if_any(services), project, job, services.clock.now(), moment, schedule)
    chains = [(fire, explain(facts, fire)) for fire in fires]
    if as_json:
        emit_json([step_row(facts, fire, step) for fire, steps in chains for step in steps])
        return
    for number, (fire, steps) in enumerate(chains):
        typer.echo(("\n" if number else "") + "\n".join(_lines(fire, steps)))
    if not chains:
        _tell_nothing(facts, job)


def _lines(fire: FireFacts, steps: Sequence[Step]) -> list[str]:
    """The answer, and under it a line for each step, behind the moment that it tells of."""
    answer, *chain = steps
    width = len(fire.shown(fire.nominal_time))
    return [
        answer.text,
        *(f"  {fire.shown(step.at) if step.at else '':<{width}}  {step.text}" for step in chain),
    ]


def _tell_nothing(facts: JobFacts, job: str) -> None:
    from automation.dispatch.explain_flow import waiting_steps

    if facts.job is not None and facts.job.schedules:
        notice(f"The schedules of the job '{job}' have no fire there, and nothing is recorded")
    elif facts.job is not None and facts.job.after.jobs:
        notice(f"The job '{job}' has no fires of its own: it runs {facts.job.after.words}, and has not run yet")
        for step in waiting_steps(facts):
            notice(step.text)
    else:
        notice(f"The job '{job}' has no schedule and has not run yet; start it with `automation run {job}`")
