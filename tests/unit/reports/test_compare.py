"""The period before beside this one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.rendering.locales import Forms
from automation.reports import Answer, QueryParams, make_table
from automation.reports.compare import Shift, beside, changed, shift_of

MADRID = "Europe/Madrid"


def at(text, zone="UTC"):
    """A moment in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("how", "start", "end", "was_start", "was_end"),
    [
        ("previous", "2026-03-01", "2026-04-01", "2026-02-01", "2026-03-01"),
        ("previous", "2026-01-01", "2026-04-01", "2025-10-01", "2026-01-01"),
        ("previous", "2026-03-23 07:00", "2026-03-30 07:00", "2026-03-16 07:00", "2026-03-23 07:00"),
        ("previous", "2026-03-29 00:00", "2026-03-30 00:00", "2026-03-28 00:00", "2026-03-29 00:00"),
        ("previous", "2026-03-30 07:00", "2026-03-30 07:15", "2026-03-30 06:45", "2026-03-30 07:00"),
        ("year", "2024-02-29", "2024-03-01", "2023-02-28", "2023-03-01"),
        ("year", "2025-12-01", "2026-01-01", "2024-12-01", "2025-01-01"),
        ("28d", "2026-03-23 07:00", "2026-03-30 07:00", "2026-02-23 07:00", "2026-03-02 07:00"),
        ("6h", "2026-03-23 07:00", "2026-03-23 08:00", "2026-03-23 01:00", "2026-03-23 02:00"),
    ],
)
def test_the_span_before_is_the_calendars(how, start, end, was_start, was_end):
    """Months and days are those of the zone's calendar, also over a change of its clocks."""
    first, last = at(start, MADRID).astimezone(UTC), at(end, MADRID).astimezone(UTC)

    shift = shift_of(how, first, last, MADRID)

    assert (shift.back(first), shift.back(last)) == (at(was_start, MADRID), at(was_end, MADRID))


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)), st.integers(1, 40))
def test_back_is_earlier(moment, months):
    """Whatever the moment, the one before it lies before it, at the same time of day."""
    moment = moment.replace(tzinfo=UTC)
    back = Shift(months=months).back(moment)

    assert back < moment
    assert back.time() == moment.time()


def test_rows_meet_by_key():
    """New rows have nothing before them, gone ones stand at the end, and dates meet those of the period before."""
    now = Answer("q", ("country", "sum"), (("ES", 10), ("DE", 5)))
    before = Answer("q", ("country", "sum"), (("DE", 4), ("FR", 7)))

    made = beside(now, before, ["country"], Shift(months=1))

    assert made.columns == ("country", "sum", "sum_before", "sum_delta", "sum_change")
    assert made.rows == (("ES", 10, None, 10, None), ("DE", 5, 4, 1, 0.25), ("FR", None, 7, -7, -1.0))
    months = beside(
        Answer("q", ("month", "sum"), (("2025-01", 3.5),)),
        Answer("q", ("month", "sum"), (("2024-01", 3.0),)),
        ["month"],
        Shift(months=12),
    )
    assert months.rows == (("2025-01", 3.5, 3.0, 0.5, 0.5 / 3),)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (None, None, (None, None, None)),
        (5, 0, (0, 5, None)),
        (0, 5, (5, -5, -1.0)),
        (-5, -10, (-10, 5, 0.5)),
        (0.1 + 0.2, 0.3, (0.3, 0.0, 0.0)),
        (Decimal("1.10"), Decimal("1.00"), (Decimal("1.00"), Decimal("0.10"), 0.1)),
        (Decimal("1.5"), 1.0, (1.0, 0.5, 0.5)),
    ],
)
def test_a_change_is_exact(now, before, expected):
    """Of nothing there is no percentage, and noise of binary fractions is no change."""
    assert changed(now, before) == expected


def test_a_change_is_shown_with_its_arrow():
    """Arrow, sign and percent; whether it is good news is the column's to say; totals have theirs."""
    now = Answer("q", ("k", "sales", "faults"), (("a", 12, 3), ("b", 8, 1)))
    before = Answer("q", ("k", "sales", "faults"), (("a", 10, 1), ("b", 10, 1)))
    how = {"sales": {"total": True}, "faults": {"good": "down"}}
    query = QueryParams.model_validate({"sql": "SELECT 1", "columns": how})

    table = make_table(beside(now, before, ["k"], Shift(days=7)), query, Forms(), compared="Last week")

    first = {column.name: cell for column, cell in zip(table.columns, table.rows[0], strict=True)}
    assert [column.title for column in table.columns[1:5]] == ["Sales", "Last week", "Change", "%"]
    assert (first["sales_delta"].text, first["sales_change"].text, first["sales_delta"].mark) == (
        "▲ +2",
        "+20.0%",
        "good",
    )
    assert (first["faults_delta"].text, first["faults_delta"].mark) == ("▲ +2", "bad")
    assert [cell and cell.text for cell in table.totals[1:5]] == ["20", "20", "0", "0.0%"]
