"""`every`: elapsed time on a grid that a restart does not move.

Owns: the grid, counted from 1970-01-01T00:00:00Z or from an anchor.
Never: looks at a wall clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from automation.text import format_duration, instant, parse_duration, printable
from automation.triggers.base import TriggerInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST = timedelta(seconds=1)
_OF_THE_CALENDAR = re.compile(r"(\d+(\.\d+)? ?)?(M|mo|mon|months?|y|yrs?|years?|monthly|yearly|P\d+[YM].*)")


@dataclass(frozen=True)
class IntervalTrigger:
    """Fires at each whole multiple of `every` since the anchor, and before it.

    Parameters
    ----------
    anchor: any point of the grid; aware.

    Raises TriggerInvalid for less than a second.
    """

    every: timedelta
    anchor: datetime = _EPOCH
    from_end: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.every < SHORTEST:
            raise TriggerInvalid(f"'{format_duration(self.every)}' is too short; write at least 1s", "every")

    @classmethod
    def parse(cls, text: str, anchor: datetime = _EPOCH) -> IntervalTrigger:
        """The trigger of a duration such as `"90s"`. Raises TriggerInvalid with the grammar, or the limits."""
        if _OF_THE_CALENDAR.fullmatch(text.strip()):
            raise TriggerInvalid(
                f"'{printable(text, 60)}': months and years are not equally long; write cron, such as "
                'cron = "0 0 1 * *" for each month or cron = "@yearly"',
                "every",
            )
        try:
            return cls(parse_duration(text), anchor)
        except TriggerInvalid:
            raise
        except ValueError as error:
            raise TriggerInvalid(str(error), "every") from error

    def next_after(self, moment: datetime) -> datetime | None:
        try:
            passed = (moment - self.anchor) // self.every
            return (self.anchor + (passed + 1) * self.every).astimezone(UTC)
        except OverflowError:
            return None

    def describe(self) -> str:
        since = "" if self.anchor == _EPOCH else f", counted from {instant(self.anchor)}"
        return f"every {format_duration(self.every)}{since}"

    def marks(self, moment: datetime) -> tuple[str, ...]:  # noqa: ARG002  a grid in UTC knows no special fires
        return ()
