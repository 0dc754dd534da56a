"""Lines along dates or labels, and the small one without axes.

Owns: their geometry.
Never: decides which chart fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from automation.reports.drawing import MUTED, PALETTE, WIDTH, Drawing, legend, text_width
from automation.reports.scales import Series, along_time, ticks, with_room

_HEIGHT = 240
_DOTTED = 24
SPARK_WIDTH, SPARK_HEIGHT = 132, 34
Point = tuple[float, float]


def lines(labels: Sequence[str], series: Sequence[Series], summary: str) -> Drawing:
    """A line a series; NULL is a gap, and one series alone has its area tinted."""
    finite = [value for one in series for value in one.values if math.isfinite(value)]
    marks = ticks(min(finite), max(finite))
    low, span = marks[0], marks[-1] - marks[0]
    places = along_time(labels) or [float(at) for at in range(len(labels))]
    written = [series[0].write(mark) for mark in marks]
    left, top = max(map(text_width, written)) + 12, 30 if len(series) > 1 else 10
    room, height = WIDTH - left - 8, _HEIGHT
    drawing = Drawing(WIDTH, top + height + 26, summary)
    if len(series) > 1:
        legend(drawing, [(one.name, *_color(at, one)) for at, one in enumerate(series)], left, 14)
    for mark, word in zip(marks, written, strict=True):
        y = top + height - (mark - low) / span * height
        drawing.line(left, y, WIDTH, y)
        drawing.text(left - 8, y + 4, word, anchor="end")
    wide = (places[-1] - places[0]) or 1.0
    across = [left + (place - places[0]) / wide * room for place in places]
    ground = top + height - (max(low, min(0.0, marks[-1])) - low) / span * height
    # What is compared with stands behind.
    for at, one in sorted(enumerate(series), key=lambda pair: not pair[1].muted):
        points = [
            (x, top + height - (value - low) / span * height) for x, value in zip(across, one.values, strict=True)
        ]
        _draw(drawing, labels, one, points, ground, _color(at, one), alone=len(series) == 1)
    shown = with_room(labels, across)
    for number, (word, x) in enumerate(shown):
        at_end = x + text_width(word) / 2 > WIDTH
        anchor = "start" if number == 0 and len(shown) > 1 else "end" if at_end else "middle"
        drawing.text(x, top + height + 19, word, anchor=anchor)
    return drawing


def _draw(
    drawing: Drawing,
    labels: Sequence[str],
    one: Series,
    points: Sequence[Point],
    ground: float,
    color: tuple[str, str],
    *,
    alone: bool,
) -> None:
    ink, kind = color
    pieces = _pieces(points)
    if alone:
        drawing.path(" ".join(_area(piece, ground) for piece in pieces), f"{kind} area", fill=ink, opacity=0.12)
    drawing.path(
        " ".join(_line(piece) for piece in pieces),
        f"{kind}s",
        stroke=ink,
        width=1.6 if one.muted else 2.2,
        dash="4 4" if one.muted else "",
    )
    real = [at for at, point in enumerate(points) if math.isfinite(point[1])]
    dotted = real if len(real) <= _DOTTED and not one.muted else real[-1:]
    for at in dotted:
        tip = one.tip(labels[at], one.values[at], several=not alone)
        drawing.dot(*points[at], 3 if not one.muted else 2, ink, kind, tip=tip)


def sparkline(values: Sequence[float], summary: str) -> Drawing:
    """How it went, as small as a word."""
    drawing = Drawing(SPARK_WIDTH, SPARK_HEIGHT, summary)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    span, step = (high - low) or 1.0, (SPARK_WIDTH - 8) / max(len(values) - 1, 1)
    points = [(4 + at * step, 4 + (1 - (value - low) / span) * (SPARK_HEIGHT - 8)) for at, value in enumerate(values)]
    pieces = _pieces(points)
    drawing.path(" ".join(_area(piece, SPARK_HEIGHT - 1) for piece in pieces), "c1 area", fill=PALETTE[0], opacity=0.12)
    drawing.path(" ".join(_line(piece) for piece in pieces), "c1s", stroke=PALETTE[0], width=1.8)
    drawing.dot(*pieces[-1][-1], 2.6, PALETTE[0], "c1")
    return drawing


def _pieces(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches without a gap."""
    pieces: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _line(piece: Sequence[Point]) -> str:
    return "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in piece)


def _area(piece: Sequence[Point], ground: float) -> str:
    top = " L".join(f"{x:.2f} {y:.2f}" for x, y in piece)
    return f"M{piece[0][0]:.2f} {ground:.2f} L{top} L{piece[-1][0]:.2f} {ground:.2f} Z"


def _color(at: int, one: Series) -> tuple[str, str]:
    return (MUTED, "cm") if one.muted else (PALETTE[at % len(PALETTE)], f"c{at % len(PALETTE) + 1}")
