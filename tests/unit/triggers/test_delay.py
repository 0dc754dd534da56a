"""`fixed_delay`: counted from the end of the run before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from automation.triggers.base import TriggerInvalid
from automation.triggers.bounded import BoundedTrigger
from automation.triggers.delay import DelayTrigger
from automation.triggers.interval import IntervalTrigger

END = datetime(2026, 11, 21, 12, 7, 31, 250_000, tzinfo=UTC)


def test_next_fire_is_one_delay_after_the_end_of_the_run() -> None:
    """To the fraction of the second, whatever the clocks show."""
    trigger = DelayTrigger.parse("30m")

    assert trigger.next_after(END) == END + timedelta(minutes=30)
    assert trigger.describe() == "30m after the end of the run before"
    assert trigger.marks(END) == ()


def test_only_a_delay_counts_from_the_end() -> None:
    """Who asks for the next fire can see which moment is meant, also through `start_at` and `end_at`."""
    delay, grid = DelayTrigger.parse("30m"), IntervalTrigger.parse("30m")

    assert (delay.from_end, BoundedTrigger(delay, end_at=END).from_end) == (True, True)
    assert (grid.from_end, BoundedTrigger(grid, end_at=END).from_end) == (False, False)


def test_first_run_is_not_before_the_start_and_none_is_after_the_end() -> None:
    """A delay that ran out before `start_at` fires there; one that runs past `end_at` fires no more."""
    start, end = END + timedelta(hours=2), END + timedelta(hours=5)
    trigger = BoundedTrigger(DelayTrigger.parse("1h"), start, end)

    assert trigger.next_after(END) == start
    assert trigger.next_after(start + timedelta(minutes=5)) == start + timedelta(minutes=65)
    assert trigger.next_after(end - timedelta(hours=1)) is None


def test_there_is_no_fire_after_the_end_of_time() -> None:
    """At the last moment that a date can hold nothing follows, and nothing raises."""
    assert DelayTrigger.parse("1s").next_after(datetime.max.replace(tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("0s", "at least 1s"), ("999ms", "at least 1s"), ("1M", "not a duration"), ("-5m", "not a duration"),
     ("36526d", "longer than 100 years"), ("", "not a duration"), ("5", "not a duration")],
)  # fmt: skip
def test_what_is_no_delay_is_refused(text: str, said: str) -> None:
    """The message has the grammar or the limit, for the key `fixed_delay`."""
    with pytest.raises(TriggerInvalid, match=said) as refused:
        DelayTrigger.parse(text)

    assert refused.value.key == "fixed_delay"
