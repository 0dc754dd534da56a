"""Which chart an answer gets, and its picture.

Owns: the kinds, and how much of each can be read.
Never: draws a shape itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from automation.rendering.locales import Forms
from automation.reports.bars import bars, stacked
from automation.reports.drawing import Drawing
from automation.reports.lines import lines, sparkline
from automation.reports.scales import Series, along_time
from automation.reports.shares import calendar, share

_MOST_BARS = 30
_MOST_COLUMNS = 60
_MOST_POINTS = 1000
_MOST_YEARS = 5
KINDS = ("bar", "line", "stacked", "share", "calendar")


@dataclass(frozen=True)
class Chart:
    """A picture with the figures that it was made of.

    Parameters
    ----------
    summary: the chart in one sentence, for those who do not see it.
    svg: the picture, whose colours a page may set by class.
    """

    kind: str
    title: str
    summary: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    svg: Markup


def make_chart(
    kind: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    days: Sequence[str] = (),
    forms: Forms,
) -> Chart | None:
    """A chart of these points, or None when it would show nothing.

    Parameters
    ----------
    kind: one of KINDS, or `auto`: a line along dates that only go forward, otherwise bars.
    days: the labels as ISO dates, where they are dates that are written in another way.
    forms: the language of what a chart says by itself.
    """
    finite = [value for value in series[0].values if math.isfinite(value)]
    if len(finite) < (3 if kind == "auto" else 1):
        return None
    if kind == "auto":
        kind = "line" if along_time(days or labels) and len(labels) > 3 else "bar"
    summary = _summary(title, labels, series[0], forms)
    drawing = _drawn(kind, labels, series, days or labels, forms, summary)
    if drawing is None:
        return None
    return Chart(kind, title, summary, tuple(labels), tuple(series), Markup(drawing.svg()))  # noqa: S704  the drawing escapes each text


def _drawn(
    kind: str,
    labels: Sequence[str],
    series: Sequence[Series],
    days: Sequence[str],
    forms: Forms,
    summary: str,
) -> Drawing | None:
    if kind == "line":
        return lines(labels, series, summary) if 2 <= len(labels) <= _MOST_POINTS else None
    if kind == "stacked":
        return stacked(labels, series, summary) if len(labels) <= _MOST_COLUMNS else None
    if kind == "share":
        return share(labels, series[0], forms, summary) if any(value > 0 for value in series[0].values) else None
    if kind == "calendar":
        found = _days(days, series[0].values)
        return calendar(found, series[0].write, forms, summary) if found else None
    return bars(labels, series, summary) if len(labels) <= _MOST_BARS else None


def spark(title: str, labels: Sequence[str], series: Series, forms: Forms) -> Markup | None:
    """A small line of a figure's past; None where there is none."""
    if sum(map(math.isfinite, series.values)) < 3:
        return None
    drawing = sparkline(series.values[-_MOST_POINTS:], _summary(title, labels, series, forms))
    return Markup(drawing.svg())  # noqa: S704  the drawing escapes each text


def _days(labels: Sequence[str], values: Sequence[float]) -> dict[date, float]:
    """Sums by day; nothing where a label is no date, or for more years than can be read."""
    found: dict[date, float] = {}
    for label, value in zip(labels, values, strict=True):
        try:
            day = date.fromisoformat(label[:10])
        except ValueError:
            return {}
        if math.isfinite(value):
            found[day] = found.get(day, 0.0) + value
    return found if len({day.year for day in found}) <= _MOST_YEARS else {}


def _summary(title: str, labels: Sequence[str], series: Series, forms: Forms) -> str:
    pairs = [(value, label) for value, label in zip(series.values, labels, strict=True) if math.isfinite(value)]
    low, high = min(pairs, key=lambda pair: pair[0]), max(pairs, key=lambda pair: pair[0])
    ends = {"low": series.write(low[0]), "low_at": low[1], "high": series.write(high[0]), "high_at": high[1]}
    return forms.words.say("summary", title=title, **ends)
