"""The shape of a unique key: what no second run is to be asked for with, and who holds it.

Owns: those two values.
Never: knows a row; `unique_holders` keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from automation.ledger.states import OPEN, State
from automation.text import instant

REJECT, RETURN_EXISTING, REPLACE_WAITING = CONFLICTS = ("reject", "return_existing", "replace_waiting")


@dataclass(frozen=True)
class Unique:
    """What a run is unique by, among the runs of its job.

    Parameters
    ----------
    on_conflict: what becomes of a run whose key another one holds.
    until: the run holds its key at least until then; None is until it has ended.
    """

    key: str
    on_conflict: str = RETURN_EXISTING
    until: datetime | None = None


@dataclass(frozen=True)
class Holder:
    """The run that holds a unique key.

    Parameters
    ----------
    begun: it had an attempt.
    until: it holds the key at least until then.
    """

    run_id: str
    state: State
    begun: bool
    until: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN

    @property
    def waits(self) -> bool:
        """Whether it may make way for another one: it has not begun."""
        return self.state is State.QUEUED and not self.begun

    @property
    def words(self) -> str:
        """What it is, and how it holds the key."""
        held = f", and holds the key until {instant(self.until)}" if self.until and not self.open else ""
        return f"run {self.run_id} with the same unique_key is {self.state}{held}"
