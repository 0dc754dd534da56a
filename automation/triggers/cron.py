"""`cron`: five fields, or six with seconds, in a time zone.

Owns: what an expression means on the calendar.
Never: looks at the clocks' changes; walks the calendar by hand: cronsim does.

A fixed hour (`30 2 * * *`, `0 8-20 * * *`) is a wall-clock time. With `*` or a step in the hour field the rule follows
real time: it fires in both passes of an overlap, and loses only the hour that does not exist.
"""

from __future__ import annotations

import copy
from datetime import datetime

from cronsim import CronSim, CronSimError

from automation.text import printable
from automation.triggers.base import TriggerInvalid
from automation.triggers.cronfields import DAY_MATCHES, both_days, fields_of
from automation.triggers.wallrule import WallRule, one_of

_ANY_YEAR = datetime(2024, 1, 1)  # noqa: DTZ001  a naive calendar, from a leap year on


class CronTrigger(WallRule):
    """A cron expression in a zone. Raises TriggerInvalid when it cannot be read or never occurs.

    Parameters
    ----------
    seconds: where the sixth field stands, `first` or `last`; None for five fields.
    day_match: whether day of month `or` day of week is enough, or it takes the one `and` the other.
    dst_gap, dst_overlap: what happens to times that do not exist, or come twice; None is `shift`, and `first`.
    """

    def __init__(
        self,
        expression: str,
        timezone: str = "UTC",
        *,
        seconds: str | None = None,
        day_match: str = "or",
        dst_gap: str | None = None,
        dst_overlap: str | None = None,
    ) -> None:
        self.fields = fields_of(expression, seconds)
        one_of(day_match, DAY_MATCHES, "day_match")
        self.narrows_days = day_match == "and" and both_days(self.fields)
        hour = self.fields[2]
        super().__init__(timezone, real_time="*" in hour or "/" in hour, dst_gap=dst_gap, dst_overlap=dst_overlap)
        try:
            self._calendar = CronSim(" ".join(self.fields), _ANY_YEAR)
            self._calendar.day_and = self._calendar.day_and or self.narrows_days
            next(copy.copy(self._calendar))
        except (CronSimError, StopIteration) as error:
            raise TriggerInvalid(
                f"'{printable(expression, 60)}' never occurs: no month named has such a day; change day of month or month",
                "cron",
            ) from error

    @property
    def expression(self) -> str:
        """The expression in its normal form; with seconds, they stand first."""
        return " ".join(self.fields[self.fields[0] == "0" :])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CronTrigger) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"CronTrigger({self.expression!r}, {self.timezone!r})"

    @property
    def _identity(self) -> tuple[object, ...]:
        return self.fields, self.timezone, self.narrows_days, self.gap, self.overlap

    def describe(self) -> str:
        words = self._calendar.explain()
        both = ", where both days match" if self.narrows_days else ""
        return f"{words[:1].lower()}{words[1:]}{both}, {self.timezone}"

    def next_wall(self, wall: datetime) -> datetime:
        walker = copy.copy(self._calendar)
        walker.dt = wall.replace(microsecond=0)
        return next(walker)
