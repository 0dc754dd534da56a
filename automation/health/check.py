"""One verdict on one part.

Owns: its three states and its JSON form.
Never: looks at anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a part is: fine, worth a look, or in the way."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """What was looked at, and a sentence with the way out where there is something to do."""

    name: str
    state: Health
    message: str

    def as_json(self) -> dict[str, str]:
        """The stable form of `--json`."""
        return {"name": self.name, "state": self.state.value, "message": self.message}


def ok(name: str, message: str) -> Check:
    """Nothing to do."""
    return Check(name, Health.OK, message)


def warn(name: str, message: str) -> Check:
    """Works, and is worth a look."""
    return Check(name, Health.WARN, message)


def fail(name: str, message: str) -> Check:
    """Does not work; runs are late or do not happen until it does."""
    return Check(name, Health.FAIL, message)
