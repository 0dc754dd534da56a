"""`every`: a grid in UTC that restarts do not move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.interval import IntervalTrigger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
SPANS = st.integers(1_000_000, 10**13).map(lambda micros: timedelta(microseconds=micros))


@given(MOMENTS, SPANS)
def test_next_fire_is_the_next_point_of_the_grid(moment: datetime, span: timedelta) -> None:
    """It is a whole multiple of the span since the epoch, after the moment, by one span at most."""
    fire = IntervalTrigger(span).next_after(moment)

    assert (fire - EPOCH) % span == timedelta(0)
    assert moment < fire <= moment + span


def test_grid_does_not_depend_on_where_one_stands() -> None:
    """Whenever a process starts inside an interval, it sees the same next fire."""
    trigger = IntervalTrigger.parse("7m")
    first = trigger.next_after(datetime(2026, 3, 29, 0, 59, tzinfo=UTC))

    assert {trigger.next_after(first - timedelta(seconds=seconds)) for seconds in range(1, 420)} == {first}


@pytest.mark.parametrize("text", ["0s", "500ms", "-5m", "36526d", "1m 30s", "5 min", "PT5M", "", "1e9s", "3"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    """Less than a second, more than 100 years, and what is no duration gets a sentence for the key `every`."""
    with pytest.raises(TriggerInvalid) as refused:
        IntervalTrigger.parse(text)

    assert refused.value.key == "every"


def test_anchor_is_a_point_of_the_grid() -> None:
    """The grid runs through the anchor, after it and before it."""
    trigger = IntervalTrigger.parse("6h", datetime(2026, 1, 1, 5, 30, tzinfo=UTC))

    assert trigger.next_after(datetime(2026, 11, 21, 6, tzinfo=UTC)) == datetime(2026, 11, 21, 11, 30, tzinfo=UTC)
    assert trigger.next_after(datetime(2025, 12, 31, 0, tzinfo=UTC)) == datetime(2025, 12, 31, 5, 30, tzinfo=UTC)
    assert trigger.describe() == "every 6h, counted from 2026-01-01T05:30:00Z"


@pytest.mark.parametrize("text", ["1M", "1mo", "2 months", "month", "1y", "1 year", "P1M", "yearly"])
def test_months_and_years_are_sent_to_cron(text: str) -> None:
    """They have no length that a grid could count in."""
    with pytest.raises(TriggerInvalid, match=r'cron = "0 0 1 \* \*"'):
        IntervalTrigger.parse(text)


def test_there_is_no_fire_after_the_end_of_time() -> None:
    """At the last moment that a date can hold, nothing follows and nothing raises."""
    assert IntervalTrigger.parse("1w").next_after(datetime.max.replace(tzinfo=UTC)) is None


def test_description_is_the_span() -> None:
    """A person reads the interval in its largest units."""
    assert IntervalTrigger.parse("90m").describe() == "every 1h 30m"
