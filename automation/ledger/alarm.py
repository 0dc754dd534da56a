"""What a run's spec keeps of its job's alerts: whom to tell of what, and when not.

Owns: that shape, the words for what may be told, and the end of somebody's quiet hours.
Never: tells anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from automation.triggers.wallclock import instant_of, load_zone, wall_at
from automation.triggers.windows import read_weekly

_DAY = timedelta(days=1)
FAILURE, RECOVERY, MISSED, LATE = "failure", "recovery", "missed", "late"
TOLD = (FAILURE, RECOVERY, MISSED, LATE)


@dataclass(frozen=True)
class Quiet:
    """Hours in which somebody is told of nothing that can wait.

    Parameters
    ----------
    weekly: windows as a calendar has them: `"22:00-07:00"`, `"sat"`. Raises CalendarInvalid when it is used.
    timezone: of its clocks. Raises TriggerInvalid when it is used.
    """

    weekly: tuple[str, ...]
    timezone: str = "UTC"

    def over(self, moment: datetime) -> datetime | None:
        """The first moment from this one on that is not quiet; None when there is none."""
        zone, windows = load_zone(self.timezone), read_weekly(list(self.weekly))
        end = wall = wall_at(moment, zone)
        while end < wall + 8 * _DAY:
            spans = windows.spans(end - _DAY, end + _DAY)
            later = max((finish for begin, finish in spans if begin <= end < finish), default=None)
            if later is None:
                return moment if end == wall else max(moment, instant_of(end, zone))
            end = later
        return None


class Target(NamedTuple):
    """A mail address that is told, with the server that it is reached through."""

    address: str
    server: str = "default"
    quiet: Quiet | None = None

    def to_json(self) -> list[Any]:
        """The form in a run's spec."""
        quiet = [list(self.quiet.weekly), self.quiet.timezone] if self.quiet else []
        return [self.address, self.server, *quiet]

    def due(self, moment: datetime) -> datetime:
        """When it is told of what happened at this moment."""
        return (self.quiet.over(moment) or moment) if self.quiet else moment


@dataclass(frozen=True)
class Alerts:
    """Whom to tell of what.

    Parameters
    ----------
    targets: who is told.
    on: of what: `failure`, `recovery`, `missed`, `late`.
    after_failures: so many final failures in a row are told of, once.
    late_after: a run that begins so long after its planned time is late.
    urgent: nobody's quiet hours hold it back.
    """

    targets: tuple[Target, ...] = ()
    on: tuple[str, ...] = (FAILURE, RECOVERY, MISSED)
    after_failures: int = 1
    late_after: timedelta = timedelta(minutes=15)
    urgent: bool = False

    def to_json(self) -> dict[str, Any]:
        """The form in a run's spec."""
        return {
            "targets": [one.to_json() for one in self.targets],
            "on": list(self.on),
            "after_failures": self.after_failures,
            "late_after": self.late_after.total_seconds(),
            **({"urgent": True} if self.urgent else {}),
        }


def alerts_of(spec: Mapping[str, Any]) -> Alerts | None:
    """The alerts that a spec holds, if it has any."""
    stored = spec.get("alerts")
    if not stored:
        return None
    return Alerts(
        tuple(_target(*one) for one in stored["targets"]),
        tuple(stored["on"]),
        stored["after_failures"],
        timedelta(seconds=stored["late_after"]),
        stored.get("urgent", False),
    )


def _target(address: str, server: str, weekly: Sequence[str] = (), timezone: str = "UTC") -> Target:
    return Target(address, server, Quiet(tuple(weekly), timezone) if weekly else None)
