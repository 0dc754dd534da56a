"""`at`: instants that are written out, one by one.

Owns: which instants a list may hold, and which of them comes next.
Never: reads a wall clock; who writes the instants down knows the zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from automation.text import instant, printable
from automation.triggers.base import TriggerInvalid
from automation.triggers.wallclock import is_ambiguous, load_zone

MOST = 1000
FIRST_YEAR, LAST_YEAR = 1970, 9000
_EXAMPLE = "2027-01-31T09:00:00+01:00"


class AtTrigger:
    """Fires at each of its instants, once.

    Parameters
    ----------
    instants: one to a thousand, aware, in any order; each once.
    timezone: whose clocks are looked at for the marks.

    Raises TriggerInvalid for none, too many, or an instant that is there twice.
    """

    from_end: ClassVar[bool] = False

    def __init__(self, instants: Sequence[datetime], timezone: str = "UTC") -> None:
        if not instants:
            raise TriggerInvalid(f"at is empty; write an instant, such as {_EXAMPLE}", "at")
        if len(instants) > MOST:
            raise TriggerInvalid(f"at has {len(instants)} instants; write at most {MOST}, or a cron or an rrule", "at")
        self.zone = load_zone(timezone)
        self.instants = tuple(sorted(moment.astimezone(UTC) for moment in instants))
        for one, following in zip(self.instants, self.instants[1:], strict=False):
            if one == following:
                raise TriggerInvalid(f"at has {instant(one)} twice; write it once", "at")

    @classmethod
    def parse(cls, value: str | Sequence[str], timezone: str = "UTC") -> AtTrigger:
        """The trigger of an instant in ISO 8601 with its offset, or of a list of them. Raises TriggerInvalid."""
        texts = [value] if isinstance(value, str) else value
        return cls([_instant(text) for text in texts], timezone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AtTrigger) and (self.instants, self.zone) == (other.instants, other.zone)

    def __hash__(self) -> int:
        return hash(self.instants)

    def next_after(self, moment: datetime) -> datetime | None:
        place = bisect_right(self.instants, moment)
        return self.instants[place] if place < len(self.instants) else None

    def describe(self) -> str:
        first, last = instant(self.instants[0]), instant(self.instants[-1])
        if first == last:
            return f"at {first}"
        return f"at {len(self.instants)} instants from {first} to {last}"

    def marks(self, moment: datetime) -> tuple[str, ...]:
        if not is_ambiguous(moment, self.zone):
            return ()
        return ("overlap:second",) if moment.astimezone(self.zone).fold else ("overlap:first",)


def _instant(text: object) -> datetime:
    if not isinstance(text, str):
        raise TriggerInvalid(f"at has {printable(repr(text), 60)}; write instants, such as {_EXAMPLE}", "at")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TriggerInvalid(
            f"at is '{printable(text, 60)}'; write a date and time, such as {_EXAMPLE}", "at"
        ) from error
    if moment.tzinfo is None:
        raise TriggerInvalid(
            f"at is '{printable(text, 60)}', which has no offset from UTC; write it, such as {_EXAMPLE}", "at"
        )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise TriggerInvalid(f"at is '{printable(text, 60)}'; write a year from {FIRST_YEAR} to {LAST_YEAR}", "at")
    return moment
