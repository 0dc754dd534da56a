"""The verdict on an attempt: how it ended, and what follows for its run.

Owns: that shape, and what its run and its attempt become by it.
Never: gives one, or writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automation.ledger.states import CLAIMABLE, Outcome, State


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended and where its run goes.

    Parameters
    ----------
    state: the run's next state; queued and retrying need `due_at`.
    spends: whether the attempt counts against `max_attempts`.
    loses: whether it counts against `max_lost`.
    mails: rows for the outbox, written in the same transaction.
    job_values: what the plugin put into `ctx.state`.
    """

    outcome: Outcome
    state: State
    reason: str | None = None
    due_at: datetime | None = None
    spends: bool = True
    loses: bool = False
    failure_class: str | None = None
    code: str | None = None
    message: str | None = None
    traceback: str | None = field(default=None, repr=False)
    result: Any = None
    mails: Sequence[dict[str, Any]] = ()
    job_values: dict[str, Any] | None = None

    def of_run(self, now: datetime) -> dict[str, Any]:
        """What becomes of the run."""
        waits = self.state in CLAIMABLE
        return {
            "state": self.state,
            "reason": self.reason,
            "result": self.result,
            "finished_at": None if waits else now,
            "again_at": self.due_at if waits else None,
            "spends": int(self.spends),
            "loses": int(self.loses),
        }

    def of_attempt(self, now: datetime) -> dict[str, Any]:
        """What becomes of the attempt."""
        return {
            "finished_at": now,
            "outcome": self.outcome,
            "failure_class": self.failure_class,
            "code": self.code,
            "message": self.message,
            "traceback": self.traceback,
        }
