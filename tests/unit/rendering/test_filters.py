"""Filters write values one plain way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import JobFailed
from automation.rendering import Templates
from automation.rendering.filters import in_zone, money, number, numbers
from automation.rendering.locales import Forms

MOMENT = datetime(2026, 11, 2, 7, 5, tzinfo=UTC)


def shown(source: str, **values: object) -> str:
    """What a template of one expression gives."""
    return Templates([]).render_text("{{ " + source + " }}", values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1234567 | number", "1,234,567"),
        ("1234.5 | number(2)", "1,234.50"),
        ("(0.1 + 0.2) | number", "0.3"),
        ("-0.001 | number(2)", "0.00"),
        ("2.675 | number(2)", "2.68"),
        ("none | number", "–"),
        ("'NaN' | number", "NaN"),
        ("'-inf' | number", "-∞"),
        ("1e300 | number(2) | length", "401"),
        ("5 | money('EUR')", "€5.00"),
        ("-1234.5 | money('USD')", "-$1,234.50"),
        ("5 | money('CHF')", "5.00 CHF"),
        ("1999.6 | money('JPY')", "¥2,000"),
        ("5 | money", "5.00"),
        ("none | money", "–"),
        ("0.1234 | percent", "12.3%"),
        ("1 | percent(0)", "100%"),
        ("5400 | duration", "1h 30m"),
        ("1500000 | bytes", "1.5 MB"),
        ("none | bytes ~ none | duration ~ none | percent ~ none | date ~ none | datetime", "–––––"),
    ],
)
def test_a_number_is_written_for_people(source, expected):
    """Separators, digits, signs and what stands for nothing."""
    assert shown(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("at | date", "2026-11-02"),
        ("at | datetime", "2026-11-02 07:05"),
        ("at | datetime('Europe/Madrid')", "2026-11-02 08:05"),
        ("at | date(format='%d/%m/%Y')", "02/11/2026"),
        ("'2021-01-01 00:00:00' | date", "2021-01-01"),
        ("'2021-01-01T10:00:00Z' | datetime('Asia/Tokyo')", "2021-01-01 19:00"),
    ],
)
def test_a_moment_is_shown_in_its_zone(source, expected):
    """Aware moments move, ISO text is read."""
    assert shown(source, at=MOMENT) == expected


def test_zone_and_currency_of_the_document_hold():
    """A filter without argument takes what the document says."""
    assert shown("at | datetime", at=MOMENT, timezone="Europe/Madrid") == "2026-11-02 08:05"
    assert shown("3 | money", currency="GBP") == "£3.00"


def test_a_naive_moment_stays_as_it_is():
    """Nobody knows its zone, so none is assumed."""
    assert shown("at | datetime('Asia/Tokyo')", at=MOMENT.replace(tzinfo=None)) == "2026-11-02 07:05"


@pytest.mark.parametrize(
    "source", ["'x' | number", "'x' | date", "3 | date", "at | date('Mars/Base')", "gone | money", "gone | date"]
)
def test_what_cannot_be_read_is_told(source):
    """A wrong value is a sentence with the line, not a wrong report."""
    with pytest.raises(JobFailed, match=r"line 1: .*(is not a|undefined)"):
        shown(source, at=MOMENT)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_a_number_reads_back(value):
    """Separators apart, a decimal is shown exactly."""
    assert Decimal(number(value).replace(",", "")) == value


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_floats_are_rounded_as_their_decimals(value, digits):
    """What a float shows decides, halves away from zero, by whichever way."""
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)

    assert Decimal(number(value, digits).replace(",", "")) == exact


HALVES = st.integers(-(10**9), 10**9).map(lambda whole: whole / 1000)
FLOATS = st.floats() | HALVES | st.sampled_from([0.0, -0.0, 1e15, 1e22, 1e23, 0.005, 2.675, -0.004])


@given(st.lists(FLOATS) | st.lists(st.integers() | st.none()), st.none() | st.integers(0, 6))
def test_a_column_is_written_as_its_values(values, digits):
    """All at once or one by one."""
    forms = Forms("de", "EUR")

    assert numbers(values, digits) == [number(value, digits) for value in values]
    assert forms.numbers(values, digits) == [forms.number(value, digits) for value in values]


@given(HALVES, st.integers(0, 2))
def test_halves_are_rounded_away_from_zero(value, digits):
    """As on an invoice, whatever binary makes of them."""
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)

    assert Decimal(number(value, digits).replace(",", "")) == exact


@given(st.integers(-(10**12), 10**12))
def test_money_is_never_off(cents):
    """Two digits hold every cent."""
    assert Decimal(money(Decimal(cents) / 100).replace(",", "")) == Decimal(cents) / 100


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)))
def test_a_moment_in_a_zone_is_the_same_moment(naive):
    """Moving into a zone changes the writing alone."""
    moment = naive.replace(tzinfo=UTC)

    assert in_zone(moment, "Europe/Madrid") == moment
    assert in_zone(moment, "Europe/Madrid").tzinfo == ZoneInfo("Europe/Madrid")


def test_dates_and_spans_of_a_database_are_taken():
    """Date and timedelta are values like others."""
    assert shown("day | datetime", day=date(2026, 1, 2)) == "2026-01-02 00:00"
    assert shown("span | duration", span=timedelta(minutes=90)) == "1h 30m"
