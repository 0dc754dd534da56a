"""Sheets hold what a query gave, and run nothing; read back with a library that is not ours."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import openpyxl
import pytest

from automation.reports.answer import Answer
from automation.reports.cells import Look
from automation.reports.workbook import MOST_IN_A_TABLE, About, Sheet, write_xlsx

ABOUT = About("Sales", datetime(2026, 1, 1, tzinfo=UTC), {"Job": "sales"}, ["books failed at noon."])


@pytest.fixture
def book(tmp_path):
    """`book(rows, …)`: write a sheet of these rows and read it back."""

    def make(*rows, columns=None, looks=None, title="Q", zone="UTC"):
        columns = columns or tuple("abcdefgh"[: len(rows[0])])
        answer = Answer("q", columns, tuple(rows))
        sheet = Sheet(title, answer, looks or [Look() for _ in columns])
        lost = write_xlsx(tmp_path / "x.xlsx", [sheet], ABOUT, timezone=zone)
        return openpyxl.load_workbook(tmp_path / "x.xlsx"), lost

    return make


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        (-5, -5),
        (1.5, 1.5),
        (Decimal("0.10"), 0.1),
        (True, True),
        (None, None),
        ("text", "text"),
        ("=1+1", "=1+1"),
        ("http://example.com", "http://example.com"),
        ("007", "007"),
        (date(2026, 1, 2), datetime(2026, 1, 2)),
        (datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 5)),
        (datetime(2026, 1, 2, 12, tzinfo=UTC), datetime(2026, 1, 2, 13)),
        (time(3, 4), time(3, 4)),
        (timedelta(hours=30), timedelta(hours=30)),
        (date(1850, 1, 2), "1850-01-02"),
        (date(1900, 2, 1), "1900-02-01"),
        (math.nan, "NaN"),
        (-math.inf, "-∞"),
        (10**20, str(10**20)),
        (Decimal("1234567890.1234567890"), "1234567890.1234567890"),
        (b"\x00\xff", "0x00ff"),
        ("😀 ש", "😀 ש"),
        ("a\x01b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_value_keeps_its_type(book, value, kept):
    """Numbers are numbers, moments moments in the report's zone, and what a sheet cannot hold is its text."""
    made, lost = book(("first", value), zone="Europe/Madrid")

    cell = made["Q"]["B2"]
    assert cell.value == kept
    assert cell.data_type != "f"
    assert cell.hyperlink is None
    assert lost == []


def test_limits_of_a_sheet_are_stated(book):
    """A text that is too long is shortened, and the first sheet and the caller are told."""
    made, lost = book(("x" * 40_000,))

    assert len(made["Q"]["A2"].value) == 32_767
    assert lost == ["Q: 1 text longer than 32,767 characters, shortened"]
    assert "shortened" in str([cell.value for cell in made["About"]["B"]])
    wide, told = book(tuple(range(16_400)), columns=tuple(f"c{at}" for at in range(16_400)))
    assert wide["Q"].max_column == 16_384
    assert told == ["Q: a sheet holds 16,384 columns; 16 more are not here"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a/b:c*d?e[f]g\\h", "a b c d e f g h"),
        ("x" * 50, "x" * 31),
        ("''", "Sheet"),
        ("History", "History 2"),
        ("about", "about 2"),
    ],
)
def test_a_sheets_name_is_one_that_opens(book, title, name):
    """What Excel refuses in a name is a space, and no name is too long, empty or taken."""
    made, _ = book((1,), title=title)

    assert name in made.sheetnames
    assert len({sheet.casefold() for sheet in made.sheetnames}) == 2


def test_a_sheet_is_ready_to_work_with(book):
    """A frozen header, a table over the rows, number formats, and what it is on the first sheet."""
    looks = [Look("Name"), Look("Revenue", "money", None, "EUR"), Look("Revenue", "percent")]

    made, _ = book(("a", 1.5, 0.5), ("b", 2, 0.25), looks=looks)

    sheet = made["Q"]
    assert sheet.freeze_panes == "A2"
    assert [table.ref for table in sheet.tables.values()] == ["A1:C3"]
    assert [cell.value for cell in sheet[1]] == ["Name", "Revenue", "Revenue 2"]
    assert (sheet["B2"].number_format, sheet["C2"].number_format) == ('#,##0.00 "EUR"', "0.0%")
    told = [cell.value for cell in made["About"]["B"]]
    assert "sales" in told
    assert "books failed at noon." in told


@pytest.mark.slow
def test_many_rows_get_a_filter(book):
    """Above 50,000 rows a sheet is written row by row, with a filter in place of a table."""
    made, _ = book(*((at, "x") for at in range(MOST_IN_A_TABLE + 1)))

    assert made["Q"].max_row == MOST_IN_A_TABLE + 2
    assert made["Q"].auto_filter.ref == f"A1:B{MOST_IN_A_TABLE + 2}"
    assert list(made["Q"].tables) == []
