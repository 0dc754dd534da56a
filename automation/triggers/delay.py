"""`fixed_delay`: a pause between the end of one run and the beginning of the next.

Owns: how long it is.
Never: knows when a run ended; that moment is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from automation.text import format_duration, parse_duration
from automation.triggers.base import TriggerInvalid

SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True)
class DelayTrigger:
    """Fires so long after the moment that it is given: the end of the run before, or the activation of the schedule.

    Raises TriggerInvalid for less than a second.
    """

    delay: timedelta
    from_end: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.delay < SHORTEST:
            raise TriggerInvalid(f"'{format_duration(self.delay)}' is too short; write at least 1s", "fixed_delay")

    @classmethod
    def parse(cls, text: str) -> DelayTrigger:
        """The trigger of a duration such as `"30m"`. Raises TriggerInvalid with the grammar, or the limits."""
        try:
            delay = parse_duration(text)
        except ValueError as error:
            raise TriggerInvalid(str(error), "fixed_delay") from error
        return cls(delay)

    def next_after(self, moment: datetime) -> datetime | None:
        try:
            return moment.astimezone(UTC) + self.delay
        except OverflowError:
            return None

    def describe(self) -> str:
        return f"{format_duration(self.delay)} after the end of the run before"

    def marks(self, moment: datetime) -> tuple[str, ...]:  # noqa: ARG002  elapsed time knows no special fires
        return ()
