"""What the key `partitions` takes, and the calendar of partitions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.cleanup.partition_plan import floor, following
from automation.cleanup.partition_rule import Every
from automation.cleanup.rule import CleanupParams

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
EVERY = st.sampled_from(["day", "week", "month", "year"])


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"partitions": {}}, "nothing says what to do"),
        ({"partitions": {"ahead": "30d"}}, "'ahead' and 'every' belong together"),
        ({"partitions": {"age": "1d", "every": "day"}}, "'ahead' and 'every' belong together"),
        ({"partitions": {"ahead": "0s", "every": "day"}}, "zero makes nothing ahead"),
        ({"partitions": {"age": "30"}}, "'30' is not a duration"),
        ({"partitions": {"age": "1d", "before": "2024-01-01"}}, "exactly one of 'age'"),
        ({"partitions": {"age": "1d", "zone": "Europe/Madird"}}, "did you mean 'Europe/Madrid'"),
        ({"partitions": {"age": "1d", "action": "delete"}}, "'detach' or 'drop'"),
        ({"partitions": {"age": "1d"}, "table": None}, "'table' is missing"),
        ({"partitions": {"age": "1d"}, "where": {"a": 1}}, "two jobs"),
        ({"partitions": {"age": "1d"}, "children": ["b"]}, "two jobs"),
        ({"partitions": {"age": "1d"}, "files": {"folder": "x", "age": "1d"}}, "two jobs"),
        ({"partitions": {"age": "1d"}, "archive": {"to": "csv"}}, "keeps its rows; remove 'archive'"),
    ],
)
def test_what_cannot_be_meant_is_refused(params: dict[str, Any], said: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValidationError, match=said):
        CleanupParams.model_validate({"table": "log", **params})


def test_plan_is_another_one_when_partitions_are_dropped() -> None:
    """Who approved detaching has not approved dropping."""
    digests = {
        CleanupParams.model_validate({"table": "log", "partitions": {"age": "1d", "action": action}}).digest()
        for action in ("detach", "drop")
    }
    assert len(digests) == 2


@given(MOMENTS, EVERY)
def test_calendar_has_no_gap(at: datetime, every: Every) -> None:
    """Each moment lies in one span, which begins where the one before ends."""
    start, end = floor(at, every), following(at, every)
    assert start <= at < end
    assert floor(start, every) == start
    assert floor(end, every) == end
    assert following(end - timedelta(microseconds=1), every) == end
    assert timedelta(days=1) <= end - start <= timedelta(days=366)
