"""Runs whose worker went away, and runs that nobody began in time: finding them, and giving each a verdict.

Owns: which runs are lost, and what follows.
Never: talks to Celery; publishes (whoever calls rings for what is waiting again).

Any scheduler or worker may call it: the verdict is a conditional update, so two rescuers agree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from automation.ledger.alarm import alerts_of
from automation.ledger.circuit import breaker_of
from automation.ledger.ledger import Ledger
from automation.ledger.rows import ProcessRow, RunRow, since_queued
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.project.order import RunSpec
from automation.retry import RetryPolicy

_log = logging.getLogger(__name__)


def rescue(
    ledger: Ledger, host: str, is_alive: Callable[[ProcessRow], bool], now: datetime, *, judge_leases: bool = True
) -> int:
    """Free every run whose lease ran out, and every run of a process of this host that is gone; returns how many.

    Runs of which such a process may have held the message go out again, and are counted too. Runs that are too late to
    begin expire; they free nobody, and are not counted.

    Parameters
    ----------
    is_alive: whether a registered process of this host still runs: same pid, same start.
    judge_leases: False while this host's clock cannot be trusted, since it was set a moment ago.
    """
    gone = [process for process in ledger.processes.unfinished(host) if not is_alive(process)]
    freed = 0
    held = ledger.leases.held_by([process.id for process in gone])
    for run in held:
        freed += lose(ledger, run, f"its worker {run.worker} is gone", now, alone=_alone(run, held))
    for process in gone:
        freed += _ring_again(ledger, process)
        ledger.processes.stopped(process.id)
    if judge_leases:
        expired = ledger.leases.expired()
        for run in expired:
            why = f"its worker {run.worker} stopped renewing its lease"
            freed += lose(ledger, run, why, now, alone=_alone(run, expired))
        ledger.runs.expire()
    return freed


def _ring_again(ledger: Ledger, process: ProcessRow) -> int:
    """Let those runs be rung for again whose messages a worker may have taken with it, before anybody claimed them.

    Which ones nobody knows: it had as many as it could do at once, each perhaps taken by a child already, and took the
    oldest first. A message too many starts nothing.
    """
    queues, at_once = process.info.get("queues"), process.info.get("concurrency")
    if not queues or not isinstance(at_once, int):
        return 0
    found = ledger.leases.handed_out(queues, 2 * at_once)
    ledger.runs.unpublish(found)
    return len(found)


def _alone(run: RunRow, lost: Sequence[RunRow]) -> bool:
    return sum(other.worker == run.worker for other in lost) == 1


def lose(ledger: Ledger, run: RunRow, why: str, now: datetime, *, alone: bool = True) -> bool:
    """Record that the run's newest attempt was lost with its worker; False when somebody else already did.

    Parameters
    ----------
    alone: no other run was lost with the same process. Who was not may have had no part in its end, which counts against
        it from the second time on.
    """
    verdict = loss_verdict(run, why, now, counts=alone or _shared_before(ledger, run))
    if not ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec), alerts_of(run.spec)):
        return False
    _log.warning("Run %s of job %s was lost in attempt %d: %s", run.id, run.job, run.attempt, why)
    return True


def _shared_before(ledger: Ledger, run: RunRow) -> bool:
    """Whether an attempt of the run was lost and not counted since it was queued."""
    attempts = since_queued(run, ledger.queries.attempts(run.id))
    return sum(one.outcome == Outcome.LOST for one in attempts) > run.losses


def loss_verdict(run: RunRow, why: str, now: datetime, *, counts: bool = True) -> Verdict:
    """Cancelled if somebody asked for that; else back to the queue at once, or dead when as many attempts as `max_lost` were lost.

    Parameters
    ----------
    counts: whether the loss is one of those.
    """
    if run.cancel_requested_at is not None:
        reason = f"cancelled, and {why}"
        return Verdict(
            Outcome.LOST, State.CANCELLED, reason, spends=False, loses=True, failure_class="lost", message=why
        )
    policy, lost = _policy(run), run.losses + counts
    decision = policy.after_loss(why, lost=lost, now=now, since=run.queued_at)
    return Verdict(
        outcome=Outcome.LOST,
        state=State.DEAD if decision.retry_at is None else State.QUEUED,
        reason=decision.reason,
        due_at=decision.retry_at,
        spends=False,
        loses=counts,
        failure_class="lost",
        message=why,
    )


def _policy(run: RunRow) -> RetryPolicy:
    """The run's own; one whose spec cannot be read is dead, and must not keep the other runs from being rescued."""
    try:
        return RunSpec.from_json(run.spec).retry
    except (KeyError, TypeError, ValueError):
        _log.exception("The spec of run %s cannot be read", run.id)
        return RetryPolicy(max_lost=0)


def hand_back(ledger: Ledger, runs: Sequence[RunRow], now: datetime) -> list[str]:
    """Return runs of a stopping worker to the queue: interrupted, no attempt spent; returns the ids that went back."""
    back: list[str] = []
    for run in runs:
        verdict = Verdict(
            outcome=Outcome.INTERRUPTED,
            state=State.QUEUED if run.cancel_requested_at is None else State.CANCELLED,
            reason="interrupted: its worker stopped",
            due_at=now,
            spends=False,
        )
        if ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec)) and verdict.state is State.QUEUED:
            back.append(run.id)
    return back
