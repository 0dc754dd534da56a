"""A limit: how many runs may be at work at once, and how many may begin in a span, counted by one key.

Owns: the shape of it, how a rate is written, and the words that reasons call it by.
Never: knows a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from automation.text import printable

RATE_GRAMMAR = "how many in which span: 30/m, 5/s, 100/h or 1000/d"
#: So many beginnings are remembered for one key at most.
MOST = 100_000
_RATE = re.compile(r"([1-9]\d{0,5})/(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Rate:
    """So many beginnings in a span that ends now, whenever that is: the span slides."""

    count: int
    span: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `"30/m"`: a number and one of s, m, h, d. Raises ValueError with the grammar in the message."""
        found = _RATE.fullmatch(text.strip())
        if found is None or int(found[1]) > MOST:
            raise ValueError(f"'{printable(text, 40)}' is not a rate from 1 to {MOST:,}; write {RATE_GRAMMAR}")
        return cls(int(found[1]), timedelta(seconds=_SECONDS[found[2]]))

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _SECONDS.items() if timedelta(seconds=seconds) == self.span)
        return f"{self.count}/{unit}"


@dataclass(frozen=True)
class Limit:
    """What a run passes before it may begin.

    Parameters
    ----------
    owner: who sets it: `limit NAME`, `job NAME` or `queue NAME`.
    key: what it counts by; the owner, or the owner with a key of its own in parentheses.
    max_running: so many may be at work at once; None is any number.
    rate: so many may begin in a span; None is any number.
    """

    owner: str
    key: str
    max_running: int | None = None
    rate: Rate | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in a run's spec."""
        rate = None if self.rate is None else str(self.rate)
        return {"owner": self.owner, "key": self.key, "max_running": self.max_running, "rate": rate}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Limit:
        """Read it back."""
        rate = stored["rate"]
        return cls(stored["owner"], stored["key"], stored["max_running"], None if rate is None else Rate.parse(rate))


def limits_of(spec: Mapping[str, Any]) -> list[Limit]:
    """The limits of a run, by its spec, in the order in which whoever claims locks them."""
    return sorted((Limit.from_json(one) for one in spec.get("limits", ())), key=lambda limit: limit.key)
