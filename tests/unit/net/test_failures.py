"""Retry-After in all its forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.net import retry_after

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)
YEAR = 366 * 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 5 ", 5),
        ("1000000000", YEAR),
        ("99999999999999999999999", YEAR),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30),
        ("Sun Nov  6 08:49:37 1994", 30),
        ("Sun, 06 Nov 1994 10:49:37 +0200", 30),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Fri, 06 Nov 2099 08:00:00 GMT", YEAR),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Sun, 99 Nov 1994 99:49:37 GMT", None),
    ],
)
def test_a_wait_is_read_from_every_form(text, seconds):
    """Seconds and the three date forms count; the past is no wait, an age is a year, nonsense is nothing."""
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(httpx.Headers([("Retry-After", text)]), NOW) == expected


@pytest.mark.parametrize(("date", "seconds"), [("Sun, 06 Nov 1994 07:49:07 GMT", 3630), ("nonsense", 30), ("", 30)])
def test_a_date_is_held_against_the_clock_of_who_says_it(date, seconds):
    """One of the two clocks is an hour off: the wait is what the server means."""
    headers = httpx.Headers([("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Date", date)])

    assert retry_after(headers, NOW) == timedelta(seconds=seconds)


def test_of_two_headers_the_longer_wait_holds():
    """A proxy and a server may both ask."""
    headers = httpx.Headers([("Retry-After", "5"), ("Retry-After", "junk"), ("Retry-After", "20")])

    assert retry_after(headers, NOW) == timedelta(seconds=20)


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_text_breaks_the_reader(text):
    """Whatever a server sends, the answer is a bounded wait or none."""
    wait = retry_after(httpx.Headers([(b"Retry-After", text.encode("latin-1"))]), NOW)

    assert wait is None or timedelta() <= wait <= timedelta(seconds=YEAR)
