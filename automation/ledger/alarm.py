"""What a run's spec keeps of its job's alerts: whom to tell of what.

Owns: that shape, and the words for what may be told.
Never: tells anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

FAILURE, RECOVERY, MISSED, LATE = "failure", "recovery", "missed", "late"
TOLD = (FAILURE, RECOVERY, MISSED, LATE)


@dataclass(frozen=True)
class Alerts:
    """Whom to tell of what.

    Parameters
    ----------
    targets: mail addresses, each with the name of the server that it is reached through.
    on: of what: `failure`, `recovery`, `missed`, `late`.
    after_failures: so many final failures in a row are told of, once.
    late_after: a run that begins so long after its planned time is late.
    """

    targets: tuple[tuple[str, str], ...] = ()
    on: tuple[str, ...] = (FAILURE, RECOVERY, MISSED)
    after_failures: int = 1
    late_after: timedelta = timedelta(minutes=15)

    def to_json(self) -> dict[str, Any]:
        """The form in a run's spec."""
        return {
            "targets": [list(one) for one in self.targets],
            "on": list(self.on),
            "after_failures": self.after_failures,
            "late_after": self.late_after.total_seconds(),
        }


def alerts_of(spec: Mapping[str, Any]) -> Alerts | None:
    """The alerts that a spec holds, if it has any."""
    stored = spec.get("alerts")
    if not stored:
        return None
    targets = tuple((address, server) for address, server in stored["targets"])
    return Alerts(targets, tuple(stored["on"]), stored["after_failures"], timedelta(seconds=stored["late_after"]))
