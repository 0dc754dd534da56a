"""What an attempt writes of itself: its claim, and its verdict.

Owns: recognising both after the ledger broke off while they were written.
Never: decides what a verdict is.
"""

from __future__ import annotations

from datetime import timedelta

from automation.ledger.again import again
from automation.ledger.alarm import alerts_of
from automation.ledger.circuit import breaker_of
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import State
from automation.project.order import RunSpec
from automation.services import Services


def claim(services: Services, run_id: str, claimant: Claimant) -> RunRow | None:
    """Claim the run; where the ledger broke off, it may be ours already: a process works on one run at a time."""
    ledger, lease = services.ledger, services.settings.lease

    def ours() -> RunRow | None:
        run = ledger.queries.several([run_id]).get(run_id)
        mine = run and (run.state, run.worker, run.pid) == (State.RUNNING, claimant.worker, claimant.pid)
        return run if mine else None

    return again(
        services.clock,
        f"The claim of run {run_id}",
        lambda: ledger.runs.claim(run_id, claimant, lease, longest),
        ours,
    )


def conclude(services: Services, run: RunRow, verdict: Verdict) -> bool:
    """Write the verdict; a ledger that does not answer is asked again, since the work is done and should count.

    Returns False when the attempt is not the newest any more.
    """
    ledger = services.ledger

    def is_there() -> bool | None:
        mine = [one for one in ledger.queries.attempts(run.id) if one.attempt == run.attempt]
        return True if mine and mine[0].finished_at and mine[0].outcome == verdict.outcome else None

    return again(
        services.clock,
        f"The verdict on run {run.id}",
        lambda: ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec), alerts_of(run.spec)),
        is_there,
    )


def longest(run: RunRow) -> timedelta:
    """After how long an attempt of this run is ended by force."""
    return RunSpec.longest(run.spec)
