"""Dates in the words and figures of many languages, and those that are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.scraping.dates import DateForm, read_date

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "form", "iso"),
    [
        ("21 de noviembre de 2026", DateForm(languages=("es",)), "2026-11-21"),
        ("3. März 2026 14:00", DateForm(languages=("de",), zone="Europe/Berlin"), "2026-03-03T13:00:00Z"),
        ("3. März 2026 14:00", DateForm(languages=("de",)), "2026-03-03T14:00:00"),
        ("hace 3 días", DateForm(languages=("es",)), "2026-11-18"),
        ("ayer", DateForm(languages=("es",), zone="Asia/Tokyo"), "2026-11-21"),
        ("2 hours ago", DateForm(languages=("en",)), "2026-11-21T21:30:00Z"),
        ("03/04/2026", DateForm(languages=("en-GB",)), "2026-04-03"),
        ("03/04/2026", DateForm(languages=("en",), order="MDY"), "2026-03-04"),
        ("03/04/2026", DateForm(languages=("es",)), "2026-04-03"),
        ("2026-11-21 10:30", DateForm(zone="Europe/Madrid"), "2026-11-21T09:30:00Z"),
        ("1763720000", DateForm("epoch"), "2025-11-21T10:13:20Z"),
        ("1763720000000", DateForm("epoch"), "2025-11-21T10:13:20Z"),
    ],
)
def test_dates_are_read_as_their_language_means_them(text, form, iso):
    """Words, figures, "days ago" in the zone of the page, and seconds since 1970."""
    assert read_date(text, form, NOW) == iso


@pytest.mark.parametrize(
    ("text", "form", "says"),
    [
        ("03/04/2026", DateForm(languages=("en",)), 'set order = "DMY" or "MDY"'),
        ("noviembre 2026", DateForm(languages=("es",)), "can be read for certain"),
        ("in stock", DateForm(languages=("en",)), "can be read for certain"),
        ("9" * 30, DateForm("epoch"), "is no moment"),
    ],
)
def test_a_date_that_is_open_is_refused(text, form, says):
    """Two readings, no day, no date at all, a number beyond every calendar."""
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        read_date(text, form, NOW)
