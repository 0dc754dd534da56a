"""Small pictures of a job's past: a line as small as a word, a year of days, a chart with its band.

Owns: their geometry, as numbers that a template puts into SVG.
Never: queries; chooses a colour (the style sheet does).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from automation.reports.scales import ticks
from automation.text import count

_SPARK = (96, 24)
WIDTH, HEIGHT, LEFT = 640, 150, 54
_BOTTOM = 18
_WEEKS = 53
CELL = 13
_BAD = ("dead",)
_IDLE = ("skipped", "missed", "expired", "cancelled")
_IDLE_DAY = "d0"
_SHADES = (1, 5, 20)


@dataclass(frozen=True)
class Spark:
    """A line of values, oldest first."""

    d: str
    x: float
    y: float
    summary: str


def spark(values: Sequence[float], summary: str) -> Spark | None:
    """The line; None for less than two values."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    span, step = (high - low) or 1.0, (_SPARK[0] - 6) / (len(values) - 1)
    points = [(3 + at * step, 3 + (1 - (value - low) / span) * (_SPARK[1] - 6)) for at, value in enumerate(values)]
    return Spark(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), round(points[-1][0], 1), round(points[-1][1], 1), summary
    )


@dataclass(frozen=True)
class Day:
    """A cell of the year."""

    x: int
    y: int
    kind: str
    title: str
    iso: str


@dataclass(frozen=True)
class Year:
    """A heat map of the last year: weeks from left to right, days from Monday down.

    Parameters
    ----------
    idle: the days without a run, as the path of one shape.
    """

    days: tuple[Day, ...]
    idle: str
    months: tuple[tuple[int, str], ...]
    summary: str
    width: int = _WEEKS * CELL + 30


def year(found: Mapping[date, Counter[str]], today: date) -> Year:
    """The year that ends today."""
    start = today - timedelta(days=today.weekday() + 7 * (_WEEKS - 1))
    cells, months = [], []
    for number in range((today - start).days + 1):
        day = start + timedelta(days=number)
        x, y = 28 + number // 7 * CELL, 16 + number % 7 * CELL
        if day.day == 1 and x < 28 + (_WEEKS - 2) * CELL:
            months.append((x, f"{day:%b}"))
        counts = found.get(day, Counter())
        cells.append(Day(x, y, _shade(counts), _day_title(day, counts), day.isoformat()))
    runs = sum(counts.total() for counts in found.values())
    bad = sum(counts[one] for counts in found.values() for one in _BAD)
    shown = tuple(cell for cell in cells if cell.kind != _IDLE_DAY)
    idle = "".join(f"M{cell.x} {cell.y}h11v11h-11z" for cell in cells if cell.kind == _IDLE_DAY)
    return Year(shown, idle, tuple(months), f"{count(runs, 'run')} in a year, {bad:,} of them dead")


def _shade(counts: Counter[str]) -> str:
    bad, good = sum(counts[one] for one in _BAD), counts["succeeded"]
    if bad:
        return "b2" if bad >= max(good, 1) else "b1"
    if good:
        return f"g{sum(good >= step for step in _SHADES)}"
    return "n1" if any(counts[one] for one in _IDLE) else _IDLE_DAY


def _day_title(day: date, counts: Counter[str]) -> str:
    told = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    return f"{day:%a %d %b %Y}: {told or 'no run'}"


@dataclass(frozen=True)
class Dot:
    """A run in a chart."""

    x: float
    y: float
    state: str
    title: str
    id: str


@dataclass(frozen=True)
class Chart:
    """Values of runs from old to new, with the band that is usual.

    Parameters
    ----------
    band: top and height of where three quarters of the spread lie; None where too few runs say what is usual.
    limit: where the alarm line stands; None without one, or above the picture.
    """

    d: str
    dots: tuple[Dot, ...]
    grid: tuple[tuple[float, str], ...]
    band: tuple[float, float] | None
    limit: tuple[float, str] | None
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def chart(
    points: Sequence[tuple[float, str, str, str]],
    words: str,
    write: Callable[[float], str],
    *,
    limit: float | None = None,
) -> Chart | None:
    """The chart of (value, state, title, run); None for less than two.

    Parameters
    ----------
    write: puts a value of the axis into words.
    limit: above it is an alarm.
    """
    if len(points) < 2:
        return None
    told = write
    values = [value for value, *_ in points]
    middle = median(values)
    spread = median(abs(value - middle) for value in values) * 3
    marks = ticks(0.0, max(*values, 0.001))
    top = marks[-1] or 1.0
    room = HEIGHT - _BOTTOM - 8

    def y(value: float) -> float:
        return round(8 + (1 - min(max(value / top, 0), 1)) * room, 1)

    step = (WIDTH - LEFT - 8) / (len(points) - 1)
    dots = tuple(
        Dot(round(LEFT + at * step, 1), y(value), state, title, run)
        for at, (value, state, title, run) in enumerate(points)
    )
    high, low = y(middle + spread), y(middle - spread)
    return Chart(
        d="M" + "L".join(f"{dot.x:g} {dot.y:g}" for dot in dots),
        dots=dots,
        grid=tuple((y(mark), told(mark)) for mark in marks),
        band=(high, max(round(low - high, 1), 2.0)) if len(values) >= 5 and math.isfinite(spread) else None,
        limit=(y(limit), told(limit)) if limit is not None and limit <= top else None,
        summary=f"{words}: usually {told(middle)}, last {told(values[-1])}, over {count(len(values), 'run')}",
    )
