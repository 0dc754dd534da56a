"""The door of a simulation: it notes what is rung for, in place of a broker.

Owns: the messages that no worker has taken yet.
Never: loses one, unless the scheduler is to die as it publishes.
"""

from __future__ import annotations

from collections.abc import Sequence

from automation.ledger.ledger import Ledger
from automation.ledger.rows import Waiting


class SchedulerDied(BaseException):
    """The scheduler ended here, as if by `kill -9`. Not an Exception, so that nothing in its way goes on."""


class Bell:
    """What the scheduler rings.

    Parameters
    ----------
    dying: the scheduler dies when it rings next: what it decided is recorded, nothing is published or moved on.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.dying = False

    def ring(self, ledger: Ledger, waiting: Sequence[Waiting]) -> int:
        """Note the runs; returns how many."""
        if not waiting:
            return 0
        if self.dying:
            raise SchedulerDied
        self.messages += [run.id for run in waiting]
        ledger.runs.mark_published(waiting)
        return len(waiting)

    def ring_silent(self, ledger: Ledger) -> None:
        """No message of a simulation is ever lost."""
