"""Bars beside labels, and columns that are stacked.

Owns: their geometry.
Never: decides which chart fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from automation.reports.drawing import MUTED, PALETTE, WIDTH, Drawing, fitted, legend, text_width
from automation.reports.scales import Series, ticks, with_room

_ROW, _THICK, _GAP = 27, 15, 12
_HEIGHT = 250
_BELOW = "#b4483a"


@dataclass(frozen=True)
class _Scale:
    """Values along a length of the drawing; the smallest stands at `begin`."""

    low: float
    span: float
    begin: float
    room: float

    def at(self, value: float) -> float:
        """Where a value is."""
        return self.begin + (value - self.low) / self.span * self.room

    def bar(self, value: float, base: float = 0.0) -> tuple[float, float]:
        """Where a bar of this value begins that stands on `base`, and how long it is; nothing is invisible."""
        return self.at(min(base, base + value)), max(abs(value) / self.span * self.room, 1)


def bars(labels: Sequence[str], series: Sequence[Series], summary: str) -> Drawing:
    """Horizontal bars: a label, its bar, its value; a muted series is a thin bar below the other."""
    main, behind = series[0], next((one for one in series[1:] if one.muted), None)
    kept = [at for at, value in enumerate(main.values) if math.isfinite(value)]
    points = [0.0, *(one.values[at] for one in series for at in kept if math.isfinite(one.values[at]))]
    words = [fitted(labels[at], 200) for at in kept]
    left = max(map(text_width, words), default=0) + _GAP
    right = max((text_width(main.write(main.values[at])) for at in kept), default=0) + _GAP
    scale = _Scale(min(points), (max(points) - min(points)) or 1.0, left, WIDTH - left - right)
    top = 30 if behind else 4
    drawing = Drawing(WIDTH, top + _ROW * len(kept) + 2, summary)
    if behind:
        legend(drawing, [(main.name, PALETTE[0], "c1"), (behind.name, MUTED, "cm")], left, 14)
    for row, (at, word) in enumerate(zip(kept, words, strict=True)):
        value, middle = main.values[at], top + row * _ROW + _ROW / 2
        drawing.text(left - _GAP, middle + 4, word, anchor="end", soft=False)
        drawing.text(WIDTH, middle + 4, main.write(value), anchor="end", soft=False)
        (start, length), color = scale.bar(value), (PALETTE[0], "c1") if value >= 0 else (_BELOW, "cn")
        tip = main.tip(labels[at], value, several=behind is not None)
        drawing.rect(start, middle - _THICK / 2, length, _THICK - 4 if behind else _THICK, *color, tip=tip)
        if behind and math.isfinite(before := behind.values[at]):
            (start, length), tip = scale.bar(before), behind.tip(labels[at], before, several=True)
            drawing.rect(start, middle + _THICK / 2 - 2.5, length, 4, MUTED, "cm", tip=tip, round=1.5)
    if scale.low < 0:
        drawing.line(scale.at(0), top, scale.at(0), top + _ROW * len(kept))
    return drawing


def stacked(labels: Sequence[str], series: Sequence[Series], summary: str) -> Drawing:
    """Columns, one a label, in which the series stand on each other; what is negative hangs below the line."""
    columns = [[0.0 if math.isnan(value) else value for value in column] for column in _by_label(series)]
    marks = ticks(*_reach(columns))
    top, written = 30 if len(series) > 1 else 10, [series[0].write(mark) for mark in marks]
    left = max(map(text_width, written)) + 10
    # Downwards on paper is downwards in value.
    scale = _Scale(marks[0], marks[-1] - marks[0], top + _HEIGHT, -_HEIGHT)
    drawing = Drawing(WIDTH, top + _HEIGHT + 26, summary)
    if len(series) > 1:
        legend(drawing, [(one.name, *_color(at)) for at, one in enumerate(series)], left, 14)
    for mark, word in zip(marks, written, strict=True):
        drawing.line(left, scale.at(mark), WIDTH, scale.at(mark))
        drawing.text(left - 8, scale.at(mark) + 4, word, anchor="end")
    slot = (WIDTH - left - 4) / max(len(labels), 1)
    centres = [left + 4 + slot * (at + 0.5) for at in range(len(labels))]
    for label, column, centre in zip(labels, columns, centres, strict=True):
        _column(drawing, label, column, series, centre, min(slot * 0.72, 56), scale)
    for word, x in with_room([fitted(label, 110) for label in labels], centres):
        drawing.text(x, top + _HEIGHT + 19, word, anchor="middle")
    return drawing


def _by_label(series: Sequence[Series]) -> list[tuple[float, ...]]:
    return list(zip(*(one.values for one in series), strict=True))


def _reach(columns: Sequence[Sequence[float]]) -> tuple[float, float]:
    """How deep and how high the stacks are."""
    deep = min(sum(min(value, 0.0) for value in column) for column in columns)
    return deep, max(sum(max(value, 0.0) for value in column) for column in columns)


def _column(
    drawing: Drawing,
    label: str,
    column: Sequence[float],
    series: Sequence[Series],
    centre: float,
    wide: float,
    scale: _Scale,
) -> None:
    up = down = 0.0
    for number, (value, one) in enumerate(zip(column, series, strict=True)):
        if not value:
            continue
        base = up if value > 0 else down
        up, down = (up + value, down) if value > 0 else (up, down + value)
        tall = max(abs(value) / scale.span * _HEIGHT - (0.6 if len(series) > 1 else 0.0), 0.5)
        tip = one.tip(label, value, several=len(series) > 1)
        drawing.rect(
            centre - wide / 2, scale.at(max(base, base + value)), wide, tall, *_color(number), tip=tip, round=1.5
        )


def _color(at: int) -> tuple[str, str]:
    return PALETTE[at % len(PALETTE)], f"c{at % len(PALETTE) + 1}"
