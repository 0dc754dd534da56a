"""The geometry of a chart; the template draws it.

Owns: scales, bars, lines and their labels, in percent of the drawing.
Never: writes markup, or decides what is worth a chart beyond its number of points.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

_MOST_BARS = 30
_MOST_POINTS = 1000
_MOST_LABELS = 6
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d([ T]\d\d:\d\d.*)?)?)?")


@dataclass(frozen=True)
class Bar:
    """One bar: where it begins and how long it is, in percent of the width."""

    label: str
    text: str
    start: float
    length: float
    negative: bool


@dataclass(frozen=True)
class Mark:
    """A label on an axis, at a percentage of its length."""

    label: str
    at: float


@dataclass(frozen=True)
class Chart:
    """A bar chart (`bars`) or a line (`path`, in a drawing of 100 by 100, y downwards).

    Parameters
    ----------
    summary: the chart in one sentence, for those who do not see it.
    """

    kind: str
    title: str
    summary: str
    bars: tuple[Bar, ...] = ()
    path: str = ""
    area: str = ""
    across: tuple[Mark, ...] = ()
    up: tuple[Mark, ...] = ()


def make_chart(
    kind: str, title: str, labels: Sequence[str], values: Sequence[float], write: Callable[[float], str]
) -> Chart | None:
    """A chart of these points, or None when it would show nothing.

    Parameters
    ----------
    kind: `bar`, `line`, or `auto`: a line along dates that only go forward, otherwise bars.
    write: how a value is written.
    """
    finite = [value for value in values if math.isfinite(value)]
    least = 3 if kind == "auto" else 1
    if len(finite) < least:
        return None
    places = _along_time(labels)
    if kind == "line" or (kind == "auto" and places and len(values) > least):
        if len(values) < 2 or len(values) > _MOST_POINTS:
            return None
        return _line(title, labels, values, places or [float(at) for at in range(len(values))], write)
    if len(values) > _MOST_BARS:
        return None
    return _bars(title, labels, values, write)


def _bars(title: str, labels: Sequence[str], values: Sequence[float], write: Callable[[float], str]) -> Chart:
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(0.0, *finite), max(0.0, *finite)
    span = (high - low) or 1.0
    bars = tuple(
        Bar(
            label,
            write(value),
            start=round((min(value, 0.0) - low) / span * 100, 3),
            length=round(abs(value) / span * 100, 3),
            negative=value < 0,
        )
        for label, value in zip(labels, values, strict=True)
        if math.isfinite(value)
    )
    return Chart("bar", title, _summary(title, labels, values, write), bars=bars)


def _line(
    title: str, labels: Sequence[str], values: Sequence[float], places: Sequence[float], write: Callable[[float], str]
) -> Chart:
    finite = [value for value in values if math.isfinite(value)]
    ticks = _ticks(min(finite), max(finite))
    low, span = ticks[0], ticks[-1] - ticks[0]
    width = (places[-1] - places[0]) or 1.0
    across = [round((place - places[0]) / width * 100, 3) for place in places]
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(across, values, strict=True):
        if math.isfinite(value):
            pieces[-1].append((x, round(100 - (value - low) / span * 100, 3)))
        elif pieces[-1]:
            pieces.append([])
    drawn = [piece for piece in pieces if piece]
    ground = round(100 - (max(low, min(0.0, ticks[-1])) - low) / span * 100, 3)
    return Chart(
        "line",
        title,
        _summary(title, labels, values, write),
        path=" ".join("M" + " L".join(f"{x} {y}" for x, y in piece) for piece in drawn),
        area=" ".join(_area(piece, ground) for piece in drawn),
        across=_spread(labels, across),
        up=tuple(Mark(write(tick), round((tick - low) / span * 100, 3)) for tick in ticks),
    )


def _area(piece: Sequence[tuple[float, float]], ground: float) -> str:
    top = " L".join(f"{x} {y}" for x, y in piece)
    return f"M{piece[0][0]} {ground} L{top} L{piece[-1][0]} {ground} Z"


def _ticks(low: float, high: float) -> list[float]:
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


def _along_time(labels: Sequence[str]) -> list[float]:
    """Days of labels that are dates, months or years and only go forward; else nothing."""
    if not all(_MOMENT.fullmatch(label) for label in labels):
        return []
    try:
        places = [_days(label) for label in labels]
    except ValueError:
        return []
    return places if all(one < two for one, two in pairwise(places)) else []


def _days(label: str) -> float:
    full = label if len(label) > 7 else f"{label}-01-01"[:10]
    moment = datetime.fromisoformat(full).replace(tzinfo=None)
    return moment.toordinal() + (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400


def _spread(labels: Sequence[str], across: Sequence[float]) -> tuple[Mark, ...]:
    """Some labels, far enough apart to be read, the first among them."""
    marks: list[Mark] = []
    for label, at in zip(labels, across, strict=True):
        if not marks or at - marks[-1].at >= 100 / _MOST_LABELS:
            marks.append(Mark(label.removesuffix(" 00:00"), at))
    return tuple(marks)


def _summary(title: str, labels: Sequence[str], values: Sequence[float], write: Callable[[float], str]) -> str:
    pairs = [(value, label) for value, label in zip(values, labels, strict=True) if math.isfinite(value)]
    low, high = min(pairs, key=lambda pair: pair[0]), max(pairs, key=lambda pair: pair[0])
    return f"{title}: from {write(low[0])} ({low[1]}) to {write(high[0])} ({high[1]})"
