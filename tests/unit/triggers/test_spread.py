"""`H`: a stable value for each schedule, spread over the field."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger
from automation.triggers.spread import resolve

NAMES = st.text(min_size=1, max_size=30)


@given(NAMES)
def test_each_field_stays_within_what_it_takes(name: str) -> None:
    """Whatever the name, the expression is a cron that fires in every month."""
    minute, hour, day, month, weekday = map(int, resolve("H H H H H", name).split())

    assert 0 <= minute <= 59
    assert 0 <= hour <= 23
    assert 1 <= day <= 28
    assert 1 <= month <= 12
    assert 0 <= weekday <= 6


@given(NAMES, st.integers(0, 59), st.integers(0, 59), st.integers(1, 60))
def test_range_and_step_keep_to_the_range(name: str, one: int, other: int, step: int) -> None:
    """`H(10-20)/3` begins in its first step, goes on in steps and never leaves the range."""
    first, last = sorted((one, other))
    step = min(step, last - first + 1)
    found = resolve(f"H({first}-{last})/{step} * * * *", name)
    CronTrigger(found)
    begin = int(found.split()[0].partition("-")[0])

    assert first <= begin < first + step


def test_value_does_not_change() -> None:
    """It is the same on every machine and for every release: these are written down."""
    assert resolve("H H(0-7) * * *", "books/main") == resolve("h h(0-7) * * *", "books/main") == "35 7 * * *"
    assert resolve("H/15 * * * mon", "books/main") == "5-59/15 * * * mon"
    assert resolve("30 2 * * H", "books/other") == "30 2 * * 3"


def test_many_schedules_are_spread() -> None:
    """Of 600 jobs at `H`, no minute has more than a few."""
    minutes = Counter(resolve("H * * * *", f"job-{number}/main") for number in range(600))

    assert len(minutes) > 55
    assert max(minutes.values()) < 30


@pytest.mark.parametrize("text", ["0 7 * * mon", "@hourly", "0 7 * mar thu", "not a cron"])
def test_expression_without_it_is_as_it_was(text: str) -> None:
    """The H of a Thursday or of an alias is none."""
    assert resolve(text, "books/main") == text


def test_seconds_may_be_spread_at_either_end() -> None:
    """The value of a field does not depend on where the field stands."""
    first, last = resolve("H 0 7 * * *", "a/main", "first"), resolve("0 7 * * * H", "a/main", "last")

    assert first.split()[0] == last.split()[5]
    assert first.split()[1:] == last.split()[:5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("H(0-60) * * * *", "minute 'h\\(0-60\\)': the range must lie within 0 to 59"),
        ("H(9-3) * * * *", "run forwards"),
        ("H/0 * * * *", "the step must be from 1 to 60"),
        ("H(0-4)/6 * * * *", "the step must be from 1 to 5"),
        ("H * * *", "has 4 fields"),
    ],
)
def test_what_cannot_be_spread_is_refused(text: str, said: str) -> None:
    """The message names the field and what it takes."""
    with pytest.raises(TriggerInvalid, match=said):
        resolve(text, "books/main")
