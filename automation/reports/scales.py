"""Scales: round values along an axis, and points of time at their distance.

Owns: ticks, positions, and which labels have room.
Never: draws.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from automation.reports.drawing import text_width

_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d([ T]\d\d:\d\d.*)?)?)?")


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars.

    Parameters
    ----------
    values: one a label; NaN where there is none.
    muted: it stands behind, for comparison.
    """

    name: str
    values: tuple[float, ...]
    write: Callable[[float], str]
    muted: bool = False

    def tip(self, label: str, value: float, *, several: bool) -> str:
        """What a pointer over it is told."""
        return f"{label}: {self.name} {self.write(value)}" if several else f"{label}: {self.write(value)}"


def ticks(low: float, high: float) -> list[float]:
    """Three to six round values that hold all points; zero is one of them when it is near."""
    if (low > 0 and low < high * 0.7) or high == low:
        low = min(0.0, low)
    if high < 0 and high > low * 0.7:
        high = 0.0
    if high == low:
        high = low + 1
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]


def along_time(labels: Sequence[str]) -> list[float]:
    """Days of labels that are dates, months or years and only go forward; else nothing."""
    if not all(_MOMENT.fullmatch(label) for label in labels):
        return []
    try:
        places = [days_of(label) for label in labels]
    except ValueError:
        return []
    return places if all(one < two for one, two in pairwise(places)) else []


def days_of(label: str) -> float:
    """Days since the year 1 of a date, month or year. Raises ValueError."""
    full = label if len(label) > 7 else f"{label}-01-01"[:10]
    moment = datetime.fromisoformat(full).replace(tzinfo=None)
    return moment.toordinal() + (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400


def with_room(labels: Sequence[str], places: Sequence[float], size: float = 12) -> list[tuple[str, float]]:
    """Labels that do not touch each other, the first among them, at even steps."""
    shown = [label.removesuffix(" 00:00") for label in labels]
    widest = max((text_width(label, size) for label in shown), default=0) + 14
    for step in range(1, len(shown) + 1):
        kept = list(range(0, len(shown), step))
        if all(places[two] - places[one] >= widest for one, two in pairwise(kept)):
            return [(shown[at], places[at]) for at in kept]
    return []
