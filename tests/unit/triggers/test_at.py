"""`at`: instants that are written out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.at import AtTrigger
from automation.triggers.base import TriggerInvalid

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.just(UTC))


@given(st.lists(MOMENTS, min_size=1, max_size=8, unique=True), MOMENTS)
def test_next_fire_is_the_first_instant_after_the_moment(instants: list[datetime], moment: datetime) -> None:
    """In whatever order they are written; after the last one there is none."""
    later = [one for one in instants if one > moment]

    assert AtTrigger(instants).next_after(moment) == min(later, default=None)


def test_instant_is_the_same_in_every_offset() -> None:
    """An offset says where the clock hangs, not another instant; and the fire itself is over when it is reached."""
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC)
    trigger = AtTrigger.parse("2027-01-31T13:00:00+01:00")

    assert trigger == AtTrigger.parse(["2027-01-31T12:00:00Z"])
    assert trigger.next_after(noon - timedelta(microseconds=1)) == noon
    assert trigger.next_after(noon) is None


def test_words_say_the_instant_or_how_many_there_are() -> None:
    """A person reads one instant, or the span of several."""
    one, two = "2027-01-31T13:00:00+01:00", "2027-01-30T00:00:00Z"

    assert AtTrigger.parse(one).describe() == "at 2027-01-31T12:00:00Z"
    assert AtTrigger.parse([one, two]).describe() == "at 2 instants from 2027-01-30T00:00:00Z to 2027-01-31T12:00:00Z"


def test_instant_in_a_repeated_hour_is_marked_with_its_pass() -> None:
    """On the clocks of its zone the hour comes twice; the offset chose one."""
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    trigger = AtTrigger([first, second], "Europe/Berlin")

    assert (trigger.marks(first), trigger.marks(second)) == (("overlap:first",), ("overlap:second",))
    assert AtTrigger([first]).marks(first) == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "at is empty"),
        ("", "at is ''; write a date and time"),
        ("tomorrow", "at is 'tomorrow'; write a date and time"),
        ("2026-02-30T09:00:00Z", "write a date and time"),
        ("2026-02-20T24:30:00Z", "write a date and time"),
        ("2026-02-20T09:00:00", "has no offset from UTC"),
        ("2026-02-20", "has no offset from UTC"),
        ("9999-12-31T23:59:59Z", "write a year from 1970 to 9000"),
        ("1969-12-31T23:59:59Z", "write a year from 1970 to 9000"),
        ([5], "at has 5; write instants"),
        (["2026-02-20T09:00:00Z", "2026-02-20T10:00:00+01:00"], "at has 2026-02-20T09:00:00Z twice"),
        (["2026-02-20T09:00:00Z"] * 1001, "write at most 1000"),
        ("\x1b[2J", "write a date and time"),
    ],
)
def test_what_is_no_instant_is_refused(value: str | list[str], said: str) -> None:
    """The message shows the value and an example, for the key `at`."""
    with pytest.raises(TriggerInvalid, match=said) as refused:
        AtTrigger.parse(value)

    assert refused.value.key == "at"
    assert str(refused.value).isprintable()
