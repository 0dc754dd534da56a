"""The verdict on an attempt: how it ended, and what follows for its run.

Owns: that shape.
Never: gives one, or writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automation.ledger.states import Outcome, State


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
