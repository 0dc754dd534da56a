"""How long the ledger keeps what has ended.

Owns: the ages with their defaults, and the states that each of them is for.
Never: deletes; reads a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from automation.ledger.states import State

DEAD = (State.DEAD, State.EXPIRED)
UNDONE = (State.SKIPPED, State.MISSED)


@dataclass(frozen=True)
class Keep:
    """Ages after which ended things go; None is never.

    Parameters
    ----------
    succeeded: runs that did their work: succeeded, cancelled, or skipped by their own plugin.
    skipped: runs that never began: skipped or missed.
    dead: runs that failed for good, or expired.
    logs: log lines, where the run is still there.
    artifacts: files of runs, where the run is still there.
    outbox: mails that are settled.
    keep_last: so many of the newest runs of each job stay whatever their age, with all that belongs to them.
    """

    succeeded: timedelta | None = timedelta(days=90)
    skipped: timedelta | None = timedelta(days=14)
    dead: timedelta | None = timedelta(days=30)
    logs: timedelta | None = timedelta(days=30)
    artifacts: timedelta | None = timedelta(days=90)
    outbox: timedelta | None = timedelta(days=90)
    keep_last: int = 20

    @property
    def shortest(self) -> timedelta | None:
        """What is younger than this is not looked at; None when no run ever loses anything."""
        ages = (self.succeeded, self.skipped, self.dead, self.logs, self.artifacts)
        return min((age for age in ages if age is not None), default=None)

    @property
    def longest(self) -> timedelta | None:
        """The longest age of a run; None when some never go."""
        ages = [age for age in (self.succeeded, self.skipped, self.dead) if age is not None]
        return max(ages) if len(ages) == len((self.succeeded, self.skipped, self.dead)) else None

    def older_than(self, age: timedelta) -> Keep:
        """The same, with this age for everything."""
        return replace(self, succeeded=age, skipped=age, dead=age, logs=age, artifacts=age, outbox=age)
