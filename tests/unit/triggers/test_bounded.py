"""`start_at` and `end_at`: a rule in a span, half open."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.bounded import BoundedTrigger
from automation.triggers.cron import CronTrigger
from automation.triggers.interval import IntervalTrigger

HOURLY = IntervalTrigger.parse("1h")
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@given(st.tuples(MOMENTS, MOMENTS, MOMENTS).map(sorted), st.permutations([0, 1, 2]))
def test_fires_are_those_of_the_rule_within_the_span(moments: list[datetime], order: list[int]) -> None:
    """Whenever one asks: the rule's next fire at or after the start, if it is before the end."""
    start, end = moments[0], moments[2]
    asked = moments[order[0]]
    if start == end:
        return
    fire = BoundedTrigger(HOURLY, start, end).next_after(asked)

    after = [one for one in (HOURLY.next_after(asked), first_at_or_after(start)) if one > asked and one >= start]
    assert fire == (min(after) if after and min(after) < end else None)


def first_at_or_after(start: datetime) -> datetime:
    floor = start.replace(minute=0, second=0, microsecond=0)
    return floor if floor == start else HOURLY.next_after(start)


def test_start_itself_is_inside_and_the_end_is_not() -> None:
    """Half open, as spans that follow each other need it."""
    noon, one = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
    trigger = BoundedTrigger(HOURLY, noon, one)

    assert trigger.next_after(datetime(2025, 1, 1, tzinfo=UTC)) == noon
    assert trigger.next_after(noon) is None


def test_span_in_which_nothing_can_be_is_refused() -> None:
    """An end at or before the start is a mistake, told at the end's key."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with pytest.raises(TriggerInvalid, match="never fire") as refused:
        BoundedTrigger(HOURLY, noon, noon)

    assert refused.value.key == "end_at"


def test_words_and_marks_are_those_of_the_rule() -> None:
    """A person reads the rule and its span; a shifted fire stays marked."""
    trigger = BoundedTrigger(CronTrigger("30 2 * * *", "Europe/Berlin"), datetime(2026, 1, 1, tzinfo=UTC))

    assert trigger.describe() == "at 02:30 every day, Europe/Berlin, from 2026-01-01T00:00:00Z"
    assert trigger.marks(datetime(2026, 3, 29, 1, tzinfo=UTC)) == ("gap:shifted",)
