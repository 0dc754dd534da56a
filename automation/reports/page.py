"""What a report's template is given.

Owns: the names and words of the page: title, sections, provenance; and when a report is empty.
Never: renders; reads a clock: a re-run of an occurrence shows the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automation.rendering.filters import in_zone
from automation.reports.query import Answer
from automation.reports.table import Table


@dataclass(frozen=True)
class Provenance:
    """Which run made the report, for which moment and span."""

    job: str
    run_id: str
    nominal_time: datetime
    window_start: datetime
    window_end: datetime


def is_empty(answers: Sequence[Answer]) -> bool:
    """Whether nothing was found: no rows, or one row of which every value is NULL or zero, as counts and sums give."""
    return all(len(answer.rows) < 2 and not any(map(any, answer.rows)) for answer in answers)


def page_values(
    title: str, description: str, tables: Sequence[Table], origin: Provenance, *, timezone: str, currency: str
) -> dict[str, Any]:
    """The values of a report's template.

    `tables` in order and `queries` by name hold the same sections; `timezone` and `currency` serve the filters.
    """
    start, end = origin.window_start, origin.window_end
    return {
        "title": title,
        "description": description,
        "tables": list(tables),
        "queries": {table.name: table for table in tables},
        "job": origin.job,
        "run_id": origin.run_id,
        "nominal_time": origin.nominal_time,
        "window": {"start": start, "end": end},
        "issued": long_moment(origin.nominal_time, timezone),
        "period": f"{short_moment(start, timezone)} – {short_moment(end, timezone)}" if start < end else "",
        "timezone": timezone,
        "currency": currency,
    }


def long_moment(moment: datetime, timezone: str) -> str:
    """`Monday 2 November 2026, 08:00 (Europe/Madrid)`."""
    local = in_zone(moment, timezone)
    return f"{local:%A} {local.day} {local:%B} {local.year}, {local:%H:%M} ({timezone})"


def short_moment(moment: datetime, timezone: str) -> str:
    """`2 Nov 2026`, with the time unless it is midnight."""
    local = in_zone(moment, timezone)
    shown = f"{local.day} {local:%b} {local.year}"
    return shown if (local.hour, local.minute) == (0, 0) else f"{shown} {local:%H:%M}"
