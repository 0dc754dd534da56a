"""What a decision knows beside the moment: the state of one schedule and its job in the ledger.

Owns: the shape of that knowledge.
Never: reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from automation.ledger.rows import OpenRun, PauseRow
from automation.ledger.unique_key import Holder


@dataclass(frozen=True)
class Other:
    """How far another schedule of the same job is decided.

    Parameters
    ----------
    cursor: up to where.
    decided: its nominal times that were, from `since` on.
    left: how many runs it may still have; None without `max_fires`.
    """

    cursor: datetime
    since: datetime
    decided: frozenset[datetime] = frozenset()
    left: int | None = None


@dataclass(frozen=True)
class Situation:
    """The ledger's state that matters for one schedule.

    Parameters
    ----------
    cursor: the last nominal time that is decided, or when the schedule became active.
    open_runs: runs that hold or wait for a place of the job's overlap key, the oldest first.
    pauses: those that hold at any instant since the cursor, of whatever target.
    fires: how many runs the schedule has had, for `max_fires`.
    last_end: when the job's last run ended, for `fixed_delay`; None before the first.
    at_work: whether a run of the job is open, for `fixed_delay`.
    recorded: nominal times after the cursor that are decided already, of an `at` that was changed.
    others: the job's other schedules, for `unite`.
    holder: the run that holds the job's `unique_key`.
    """

    cursor: datetime
    open_runs: Sequence[OpenRun] = ()
    pauses: Sequence[PauseRow] = ()
    fires: int = 0
    last_end: datetime | None = None
    at_work: bool = False
    recorded: frozenset[datetime] = frozenset()
    others: Mapping[str, Other] = field(default_factory=dict)
    holder: Holder | None = None
