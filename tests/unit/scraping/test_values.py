"""Texts that people write, read as values."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.scraping.dates import DateForm, read_date
from automation.scraping.values import Money, _plain_price, read_bool, read_int, read_money, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"), ("-5", "-5"), ("−5", "-5"), ("+3.5", "3.5"), ("1,234.56", "1234.56"), ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"), ("1\u00a0234\u00a0567", "1234567"), ("1\u202f299,90", "1299.90"), ("1'299.50", "1299.50"),
        ("1’299", "1299"), ("12,5", "12.5"), ("1,299", "1299"), ("0,123", "0.123"), ("1.299", "1.299"), ("1,23,456", "123456"),
        ("1.234.567", "1234567"), (".5", "0.5"), ("4.5 stars", "4.5"), ("97 %", "97"), ("１２３", "123"), ("٣٤", "34"),
        ("\u200f12\u200e", "12"), ("1234,567", "1234.567"), ("In stock (22 available)", "22"), ("SKU-5", "5"),
    ],
)  # fmt: skip
def test_numbers_of_many_countries(text, number):
    """Grouping, decimal signs, spaces and digits of other scripts are understood."""
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "none", "22 of 30", "5-10", "½ cup", "1,5 or 2", "9" * 20, "1" * 500])
def test_no_number_is_guessed(text):
    """Where there is none, or more than one, the text is refused with its beginning."""
    with pytest.raises(ValueError, match="'"):
        read_number(text)


def test_the_decimal_sign_can_be_settled():
    """`decimal` decides what a text leaves open."""
    assert read_number("1.299", ",") == 1299
    assert read_number("1,299", ",") == Decimal("1.299")
    assert read_int("1.299", ",") == 1299


def test_a_fraction_is_no_whole_number():
    """4.5 is not rounded in silence."""
    with pytest.raises(ValueError, match="not a whole number"):
        read_int("4.5")


@given(st.decimals(-(10**9), 10**9, places=2, allow_nan=False))
def test_a_grouped_number_reads_back(number):
    """What a program writes with thousands and two decimals comes back, in both conventions."""
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))

    assert read_number(english) == read_number(german) == number


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text):
    """Every text is a value or a ValueError."""
    for read in (read_number, read_int, read_money, read_date):
        with contextlib.suppress(ValueError):
            read(text)
    assert read_bool(text) in (True, False)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("£51.77", "51.77", "GBP"), ("EUR 1.234,56", "1234.56", "EUR"), ("1,234.56 USD", "1234.56", "USD"),
        ("1 299,90 €", "1299.90", "EUR"), ("CHF 1'299.-", "1299", "CHF"), ("$5", "5", "$"), ("19", "19", None),
        ("₹1,23,456.50", "123456.50", "INR"), ("zł 12", "12", "PLN"), ("free", "0", None),
    ],
)  # fmt: skip
def test_prices_keep_amount_and_currency(text, amount, currency):
    """The amount is exact; a sign of one currency becomes its code, another stays as written."""
    assert read_money(text) == Money(Decimal(amount).quantize(Decimal("0.0001")), currency)


def test_a_price_below_what_is_kept_is_no_price():
    """It would become nothing, or another one; the noise of floating arithmetic is let through."""
    with pytest.raises(ValueError, match='type = "number"'):
        read_money("$0.00001234")
    assert read_money("0.30000000000000004 EUR").amount == Decimal("0.3")


def test_a_currency_can_be_given():
    """The job names the currency where the page does not."""
    assert read_money("19.90", currency="EUR").currency == "EUR"
    with pytest.raises(ValueError, match="'on request' holds no amount"):
        read_money("on request")


@pytest.mark.parametrize(
    ("text", "form", "iso"),
    [
        ("2026-11-21", None, "2026-11-21"), ("2026-11-21T10:00:00+02:00", None, "2026-11-21T08:00:00Z"),
        ("2026-11-21 10:30", None, "2026-11-21T10:30:00"), ("21 November 2026", None, "2026-11-21"),
        ("Nov 21, 2026", None, "2026-11-21"), ("November 21st, 2026", None, "2026-11-21"), ("20261121", None, "2026-11-21"),
        ("Sat, 21 Nov 2026 10:00:00 GMT", None, "2026-11-21T10:00:00Z"), ("2026/11/21", None, "2026-11-21"),
        ("21/11/2026", "%d/%m/%Y", "2026-11-21"), ("21.11.26 18:05", "%d.%m.%y %H:%M", "2026-11-21T18:05:00"),
    ],
)  # fmt: skip
def test_dates_become_iso(text, form, iso):
    """A day stays a day; an instant with its zone is in UTC."""
    assert read_date(text, DateForm(form)) == iso


@pytest.mark.parametrize("text", ["03/04/2026", "30 February 2026", "yesterday", "2026-13-01", "7"])
def test_a_date_that_could_be_two_is_refused(text):
    """Nothing is guessed where day and month could be swapped."""
    with pytest.raises(ValueError, match="set format"):
        read_date(text)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("Yes", True),
        ("In stock (22)", True),
        ("No", False),
        ("Out of stock", False),
        ("SOLD OUT!", False),
        ("0", False),
    ],
)
def test_truth_is_what_is_not_refused(text, truth):
    """Words of refusal are false; anything else that is there is true."""
    assert read_bool(text) is truth


@given(
    st.sampled_from("£€$"), st.sampled_from(["", " "]), st.integers(0, 10**13), st.sampled_from(["", ".50", ",50", ".5", ",500", ".500"]),
    st.booleans(), st.sampled_from([None, ".", ","]),
)  # fmt: skip
def test_a_price_in_its_commonest_form_is_read_as_the_library_reads_it(sign, space, whole, part, before, decimal):
    """The short way and the long way have one answer."""
    from price_parser import Price

    text = f"{sign}{space}{whole}{part}" if before else f"{whole}{part}{space}{sign}"
    short = _plain_price(text, decimal)

    assert short is None or short == (Price.fromstring(text, decimal_separator=decimal).amount, sign)
