"""Cells that no spreadsheet runs, and files that read back."""

from __future__ import annotations

import csv
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.scraping.export import Exports, cell
from automation.scraping.params import ScrapeParams


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", '"=1', "＝1+1", "＋1", "－1+2", "＠x", "=cmd|' /C calc'!A0",
     "-2+3", "+", "-", "=", "--5", "\u00a0=1"],
)  # fmt: skip
def test_a_formula_is_defused(text):
    """What a spreadsheet would run gets an apostrophe in front."""
    assert cell(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+3.2", "-1,234.50", "5%", "a=b", "x", "", "a@b.c", "1-2"])
def test_other_texts_stay_as_they_are(text):
    """Numbers with a sign and ordinary words are not touched."""
    assert cell(text) == text


def test_typed_values_have_one_form():
    """Numbers stay numbers, money has no idle zeros, lists are JSON."""
    assert [cell(value) for value in (-5, 1.5, Decimal("-10.5000"), True, None, ["=a", "b"])] == [
        -5, 1.5, "-10.5", "true", "", '["=a", "b"]',
    ]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=20)), max_size=5))
def test_files_read_back(tmp_path_factory, rows):
    """CSV holds a row for each item whatever the text; JSON Lines holds the text itself."""
    exports = Exports(tmp_path_factory.mktemp("e"), "t", ["csv", "jsonl"], ["a", "b"])
    exports.write(rows)
    exports.close()

    with exports.files["csv"].open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    lines = exports.files["jsonl"].read_text("utf-8").split("\n")[:-1]
    assert table == [["a", "b"], *([str(cell(row.get("a"))), str(cell(row.get("b")))] for row in rows)]
    assert [json.loads(line) for line in lines] == rows


def test_parquet_has_the_fields_types(tmp_path):
    """Money is exact, numbers are numbers, lists are JSON text; what is missing is null."""
    from pyarrow import parquet

    fields = {
        "title": "h1", "price": {"css": "p", "type": "money"}, "stock": {"css": "i", "type": "int"},
        "tags": {"css": "b", "many": True},
    }  # fmt: skip
    rules = ScrapeParams(start="https://x.example/", fields=fields).all_fields
    exports = Exports(tmp_path, "books", ["parquet"], ["title", "price", "price_currency", "stock", "tags"], rules)
    exports.write(
        [{"title": "é", "price": Decimal("0.1"), "price_currency": "EUR", "stock": 2**40, "tags": ["a", "ü"]}]
    )
    exports.write([{"title": None}])
    exports.close()

    assert parquet.read_table(tmp_path / "books.parquet").to_pylist() == [
        {"title": "é", "price": Decimal("0.1000"), "price_currency": "EUR", "stock": 2**40, "tags": '["a", "ü"]'},
        {"title": None, "price": None, "price_currency": None, "stock": None, "tags": None},
    ]
