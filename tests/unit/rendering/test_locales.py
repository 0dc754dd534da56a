"""A language writes numbers, money and dates in its own way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.rendering import Templates
from automation.rendering.locales import Forms, check_locale

MOMENT = datetime(2026, 11, 2, 7, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "number", "money", "percent", "day"),
    [
        ("", "1,234.50", "-€1,234.50", "12.3%", "2026-11-02"),
        ("de", "1.234,50", "-1.234,50\xa0€", "12,3\xa0%", "02.11.2026"),
        ("en-GB", "1,234.50", "-€1,234.50", "12.3%", "2 Nov 2026"),
        ("fr", "1\u202f234,50", "-1\u202f234,50\xa0€", "12,3\xa0%", "2 nov. 2026"),
        ("de-CH", "1’234.50", "-EUR\xa01’234.50", "12.3%", "02.11.2026"),
        ("ja", "1,234.50", "-€1,234.50", "12.3%", "2026/11/02"),
    ],
)
def test_each_language_has_its_forms(locale, number, money, percent, day):
    """Separators, the currency's place and the order of a date."""
    forms = Forms(locale, "EUR")

    assert (forms.number(1234.5, 2), forms.money(-1234.5), forms.percent(0.1234), forms.day(MOMENT)) == (
        number, money, percent, day
    )  # fmt: skip


def test_groups_are_not_always_thousands():
    """India counts in lakh and crore."""
    assert Forms("hi").number(12345678.9, 2) == "1,23,45,678.90"


def test_a_documents_language_serves_its_filters():
    """A template says `number`, and the document's locale, zone and formats decide."""
    values = {"locale": "de", "currency": "EUR", "timezone": "Europe/Berlin", "at": MOMENT}
    source = "{{ 1234.5|number(1) }} {{ 5|money }} {{ at|date }} {{ at|datetime }}"

    assert Templates([]).render_text(source, values) == "1.234,5 5,00\xa0€ 02.11.2026 02.11.2026 08:05"
    assert Templates([]).render_text("{{ at|date }}", {**values, "date_format": "%d/%m"}) == "02/11"


@pytest.mark.parametrize("name", ["xx", "de_XX_nope", "../de", "klingon"])
def test_an_unknown_language_is_told(name):
    """With what to write."""
    with pytest.raises(ValueError, match="is not a locale; write a language such as es"):
        check_locale(name)
