"""`start_at` and `end_at`: the span in which a rule fires.

Owns: cutting a rule at both ends.
Never: knows what kind of rule it cuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from automation.text import instant
from automation.triggers.base import Trigger, TriggerInvalid

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class BoundedTrigger:
    """The fires of another trigger in [start_at, end_at); aware, None is open.

    Raises TriggerInvalid when nothing is between the two.
    """

    trigger: Trigger
    start_at: datetime | None = None
    end_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            raise TriggerInvalid(
                f"end_at ({instant(self.end_at)}) is not after start_at ({instant(self.start_at)}); "
                "the schedule would never fire",
                "end_at",
            )

    @property
    def from_end(self) -> bool:
        """As the rule that is cut."""
        return self.trigger.from_end

    def next_after(self, moment: datetime) -> datetime | None:
        if self.start_at is not None and moment < self.start_at and not self.from_end:
            moment = self.start_at - _TICK
        fire = self.trigger.next_after(moment)
        if fire is not None and self.start_at is not None and self.from_end:
            fire = max(fire, self.start_at)
        return None if fire is None or (self.end_at is not None and fire >= self.end_at) else fire

    def describe(self) -> str:
        since = f", from {instant(self.start_at)}" if self.start_at else ""
        until = f", before {instant(self.end_at)}" if self.end_at else ""
        return f"{self.trigger.describe()}{since}{until}"

    def marks(self, moment: datetime) -> tuple[str, ...]:
        return self.trigger.marks(moment)
