"""Parts of a whole as a ring, and days of a year as squares.

Owns: their geometry.
Never: decides which chart fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from automation.rendering.locales import Forms
from automation.reports.drawing import HEAT, MUTED, PALETTE, WIDTH, Drawing, fitted
from automation.reports.scales import Series

_MOST_PARTS = 7
_RADIUS, _HOLE = 92, 58
_CELL, _STEP = 10.5, 12.5
_MONTHS_LEFT = 42


def share(labels: Sequence[str], series: Series, forms: Forms, summary: str) -> Drawing:
    """A ring of at most eight parts, the largest first; the small ones are one part."""
    pairs = sorted(
        (
            (value, label)
            for value, label in zip(series.values, labels, strict=True)
            if math.isfinite(value) and value > 0
        ),
        reverse=True,
    )
    if len(pairs) > _MOST_PARTS + 1:
        rest = pairs[_MOST_PARTS:]
        pairs = [*pairs[:_MOST_PARTS], (math.fsum(value for value, _ in rest), f"{forms.words['other']} ({len(rest)})")]
        last = len(pairs) - 1
    else:
        last = -1
    whole = math.fsum(value for value, _ in pairs)
    height = max(2 * _RADIUS + 8, 26 * len(pairs) + 8)
    drawing = Drawing(WIDTH, height, summary)
    angle, x, y = 0.0, _RADIUS + 4, height / 2
    top = (height - 26 * len(pairs)) / 2
    for at, (value, label) in enumerate(pairs):
        color, kind = (MUTED, "cm") if at == last else (PALETTE[at % len(PALETTE)], f"c{at % len(PALETTE) + 1}")
        part = value / whole
        shown = forms.percent(part)
        tip = f"{label}: {series.write(value)} ({shown})"
        drawing.path(_slice(x, y, angle, angle + part), f"{kind} slice", fill=color, tip=tip)
        angle += part
        row, names = top + 26 * at + 17, 2 * _RADIUS + 44
        drawing.rect(names, row - 9, 10, 10, color, kind, round=3)
        drawing.text(names + 18, row, fitted(label, 250), soft=False)
        drawing.text(names + 360, row, series.write(value), anchor="end", soft=False)
        drawing.text(names + 425, row, shown, anchor="end")
    return drawing


def _slice(x: float, y: float, begin: float, end: float) -> str:
    """A part of the ring between two shares of the circle, from twelve o'clock on."""
    end = min(end, begin + 0.99999)
    large = int(end - begin > 0.5)

    def at(turn: float, radius: float) -> str:
        angle = 2 * math.pi * turn - math.pi / 2
        return f"{x + radius * math.cos(angle):.2f} {y + radius * math.sin(angle):.2f}"

    return (
        f"M{at(begin, _RADIUS)} A{_RADIUS} {_RADIUS} 0 {large} 1 {at(end, _RADIUS)} "
        f"L{at(end, _HOLE)} A{_HOLE} {_HOLE} 0 {large} 0 {at(begin, _HOLE)} Z"
    )


def calendar(days: Mapping[date, float], write: Callable[[float], str], forms: Forms, summary: str) -> Drawing:
    """A square a day, a column a week, a band a year; the darker, the more."""
    names = forms.calendar
    years = sorted({day.year for day in days})
    band = 7 * _STEP + 44
    drawing = Drawing(WIDTH, band * len(years) + 22, summary)
    steps = _levels([value for value in days.values() if value > 0])
    for row, year in enumerate(years):
        top = row * band + 24
        drawing.text(0, top - 10, str(year), soft=False, bold=True)
        for weekday in (0, 2, 4):
            drawing.text(
                _MONTHS_LEFT - 8, top + weekday * _STEP + 10, fitted(names[1][weekday], 26, 10), anchor="end", size=10
            )
        _year(drawing, year, days, write, top, steps, forms)
    # As wide as what stands behind it; a letter of size 10 is about six wide.
    most = write(max(days.values()))
    x, y = WIDTH - 5 * _STEP - 12 - 6.4 * len(most), band * len(years) + 10
    drawing.text(x - 8, y + 10, write(0), anchor="end", size=10)
    for level in range(len(HEAT)):
        drawing.rect(x + level * _STEP, y, _CELL, _CELL, HEAT[level], f"h{level}")
    drawing.text(x + 5 * _STEP + 4, y + 10, most, size=10)
    return drawing


def _year(
    drawing: Drawing,
    year: int,
    days: Mapping[date, float],
    write: Callable[[float], str],
    top: float,
    steps: Sequence[float],
    forms: Forms,
) -> None:
    months = forms.calendar[0]
    day, shift = date(year, 1, 1), date(year, 1, 1).weekday()
    while day.year == year:
        place = (day - date(year, 1, 1)).days + shift
        x, y = _MONTHS_LEFT + place // 7 * _STEP, top + place % 7 * _STEP
        value = days.get(day)
        level = 0 if not value or value < 0 else sum(value > step for step in steps) + 1
        tip = f"{forms.day(day)}: {write(value)}" if value is not None else ""
        drawing.rect(x, y, _CELL, _CELL, HEAT[min(level, 4)], f"h{min(level, 4)}", tip=tip)
        if day.day == 1:
            drawing.text(x + (_STEP if day.weekday() else 0), top - 10, months[day.month - 1], size=10)
        day += timedelta(days=1)


def _levels(values: Sequence[float]) -> list[float]:
    """The three values between which days are told apart: quarters of those that are there."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) * part // 4, len(ordered) - 1)] for part in (1, 2, 3)] if ordered else []
