"""`rrule`: a recurrence rule of RFC 5545 in a time zone.

Owns: what the rule means on the calendar, from any moment on without counting from its beginning.
Never: looks at the clocks' changes; computes the recurrence by hand: dateutil does.

DAILY and rarer rules are wall-clock times; HOURLY and more frequent ones follow real time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

from automation.triggers.base import TriggerInvalid
from automation.triggers.rrulefields import FREQUENCIES, read_recurrence
from automation.triggers.wallrule import WallRule

_UNITS = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
#: dateutil looks for the next time until the year 9999; a rule is given up much earlier.
_REACH = {"YEARLY": 100, "MONTHLY": 100, "WEEKLY": 30}
_REACH_OF_FREQUENT = 9
_LAST_YEAR = 9998


class RRuleTrigger(WallRule):
    """A recurrence rule in a zone. Raises TriggerInvalid when it cannot be read or never occurs."""

    def __init__(
        self, text: str, timezone: str = "UTC", *, dst_gap: str | None = None, dst_overlap: str | None = None
    ) -> None:
        self.recurrence = read_recurrence(text)
        real_time = self.recurrence.frequency not in FREQUENCIES[:4]
        super().__init__(timezone, real_time=real_time, dst_gap=dst_gap, dst_overlap=dst_overlap)
        try:
            self.next_wall(self.recurrence.start - timedelta(seconds=1))
        except (StopIteration, ValueError, OverflowError) as error:
            raise TriggerInvalid("the rule never occurs: no day that it names exists", "rrule") from error

    def describe(self) -> str:
        return f"{self.recurrence.text} from {self.recurrence.start:%Y-%m-%d %H:%M}, {self.timezone}"

    def next_wall(self, wall: datetime) -> datetime:
        wall = wall.replace(microsecond=0)
        begin = max(self._begin(wall), self.recurrence.start)
        reach = _REACH.get(self.recurrence.frequency, _REACH_OF_FREQUENT)
        end = datetime(min(max(wall, begin).year + reach, _LAST_YEAR), 12, 31)  # noqa: DTZ001  a wall clock
        found = rrulestr(f"{self.recurrence.rule()};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=begin).after(wall)
        if not isinstance(found, datetime):
            raise StopIteration
        return found

    def _begin(self, wall: datetime) -> datetime:
        """A beginning on the rule's own grid, at least one period before `wall`: from there on nothing is different."""
        start, step = self.recurrence.start, self.recurrence.interval
        unit = _UNITS.get(self.recurrence.frequency)
        if unit is not None:
            return start + max((wall - start) // (unit * step) - 1, 0) * unit * step
        if self.recurrence.frequency == "YEARLY":
            year = start.year + max((wall.year - start.year) // step - 1, 0) * step
            return datetime(year, 1, 1)  # noqa: DTZ001  a wall clock
        months = (wall.year - start.year) * 12 + wall.month - start.month
        year, month = divmod(start.year * 12 + start.month - 1 + max(months // step - 1, 0) * step, 12)
        return datetime(year, month + 1, 1)  # noqa: DTZ001  a wall clock
