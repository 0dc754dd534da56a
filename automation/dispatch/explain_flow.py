"""What a flow has to do with a run: whom it followed, who follows it, and whom a job waits for.

Owns: those sentences.
Never: reads the ledger or the clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from automation.dispatch.facts import FireFacts, JobFacts, Step


def before_steps(fire: FireFacts) -> Iterator[Step]:
    """Whom the run followed."""
    for one in fire.upstream:
        yield Step("upstream run", f"It follows: {one.words}.", run=one.standing.tally.run_id if one.standing else None)


def behind_steps(fire: FireFacts) -> Iterator[Step]:
    """Who follows the run."""
    for one in fire.downstream:
        yield Step(
            "downstream run", f"Behind it: {one.words}.", run=one.standing.tally.run_id if one.standing else None
        )


def waiting_steps(job: JobFacts) -> Iterator[Step]:
    """Whom the job waits for, in flows on their way."""
    for run in job.ahead:
        text = f"In the flow {run.flow} it waits for its turn: run {run.id} of job '{run.job}' is {run.state}."
        yield Step("waits for", text, run.queued_at, run=run.id)
