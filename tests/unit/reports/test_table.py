"""How an answer reads: sides, digits, totals, charts."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from automation.errors import JobFailed
from automation.rendering.locales import Forms
from automation.reports import Answer, QueryParams, make_table
from automation.reports.writers import humanized


def table(names, /, *rows, **how):
    """A table of these rows; `how` are the query's parameters."""
    query = QueryParams.model_validate({"sql": "SELECT 1", **how})
    answer = Answer("sales", tuple(names), tuple(rows), truncated=False, seconds=0.5)
    return make_table(answer, query, Forms(timezone="Europe/Madrid", currency="EUR"))


def texts(made, column=0):
    """One column as it is written."""
    return [row[column].text for row in made.rows]


def test_every_type_is_written():
    """NULL, NaN, binary, dates and the rest have one plain form."""
    values = [
        None, math.nan, math.inf, True, b"\x00\x01", date(1850, 1, 2), datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 12), "<b>", Decimal("1.10"), 10**30, "x" * 3000,
    ]  # fmt: skip

    shown = texts(table(["a"], *((value,) for value in values)))

    assert shown[:8] == [
        "–", "NaN", "∞", "yes", "binary, 2 B", "1850-01-02", "2026-01-01 13:00", "2026-01-01 12:00"
    ]  # fmt: skip
    assert shown[8] == "<b>"
    assert shown[9] == "1.10"
    assert shown[10].startswith("1,000,000,")
    assert shown[11].endswith("… (1,000 more characters)")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.5, 2.25, 3.0], ["1.50", "2.25", "3.00"]),
        ([1.0, 2.0], ["1", "2"]),
        ([0.125, 2.5], ["0.125", "2.500"]),
        ([1 / 3, 20.5], ["0.33", "20.50"]),
        ([1 / 3000], ["0.0003"]),
        ([2328.5999999999967], ["2,328.60"]),
        ([Decimal("1.2"), Decimal("3.450")], ["1.200", "3.450"]),
        ([1200, 3], ["1,200", "3"]),
    ],
)
def test_a_column_of_numbers_is_written_alike(values, shown):
    """Digits follow from the whole column, and noise of binary fractions does not show."""
    made = table(["amount"], *((value,) for value in values))

    assert texts(made) == shown
    assert made.columns[0].numeric


@pytest.mark.parametrize("name", ["id", "InvoiceId", "customer_id", "year", "PostalCode", "order_no", "phone"])
def test_numbers_that_are_names_are_not_grouped(name):
    """2,026 is no year."""
    made = table([name], (2026,), (2027,))

    assert texts(made) == ["2026", "2027"]
    assert not made.columns[0].numeric


def test_a_columns_format_decides():
    """Money, percent, dates, sizes and spans, as the parameters say."""
    columns = {
        "m": {"format": "money"}, "p": {"format": "percent"}, "d": {"format": "date", "title": "Day"},
        "b": {"format": "bytes"}, "s": {"format": "duration"}, "n": {"format": "number", "digits": 3},
    }  # fmt: skip

    made = table(columns, (5, 0.5, "2026-01-02 00:00:00", 1500, 90, 1), columns=columns)

    assert [cell.text for cell in made.rows[0]] == ["€5.00", "50.0%", "2026-01-02", "1.5 kB", "1m 30s", "1.000"]
    assert [column.numeric for column in made.columns] == [True, True, False, True, True, True]
    assert made.columns[2].title == "Day"


def test_totals_are_exact():
    """A thousand times a cent is ten, in floats as in decimals; NULL does not count."""
    total = {"columns": {"a": {"format": "money", "total": True}}}

    assert table(["k", "a"], *(("x", 0.01) for _ in range(1000)), **total).totals[1].text == "€10.00"
    assert table(["k", "a"], ("x", Decimal("0.10")), ("y", None), **total).totals[1].text == "€0.10"
    assert table(["k", "a"], ("x", 1)).totals == ()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"columns": {"amuont": {"total": True}}}, "gives no column 'amuont'; did you mean 'amount'"),
        ({"columns": {"label": {"total": True}}}, "column 'label' has no total: 'x' is not a number"),
        ({"columns": {"label": {"format": "money"}}}, "column 'label' cannot be shown as money: 'x' is not a number"),
        ({"columns": {"amount": {"format": "date"}}}, "column 'amount' cannot be shown as date"),
        ({"chart_value": "price"}, "gives no column 'price'"),
    ],
)
def test_a_column_that_does_not_fit_is_told(how, said):
    """The query, the column and the value."""
    with pytest.raises(JobFailed, match="query 'sales': ") as caught:
        table(["label", "amount"], ("x", 5), **how)
    assert said in str(caught.value)


def test_one_row_becomes_cards():
    """A row of figures is shown large; many columns stay a table."""
    assert table(["a", "b"], (1, 2)).cards
    assert not table(["a"], (1,), (2,)).cards
    assert not table([f"c{n}" for n in range(9)], tuple(range(9))).cards


@pytest.mark.parametrize(
    ("name", "title"),
    [("BillingCountry", "Billing country"), ("billing_country", "Billing country"), ("Total net", "Total net"),
     ("InvoiceId", "Invoice ID"), ("count(*)", "Count(*)"), ("_", "_"), ("", "")],
)  # fmt: skip
def test_names_become_titles(name, title):
    """A column's name reads as words."""
    assert humanized(name) == title


def test_label_and_number_give_bars():
    """One label and one number a row leave no choice."""
    chart = table(["country", "sum"], ("A", 10), ("B", -5), ("C", None), ("D", 0)).chart

    assert (chart.kind, chart.labels) == ("bar", ("A", "B", "C", "D"))
    assert chart.summary == "Sum: from -5 (B) to 10 (A)"
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)".*?class="(\w+)"><title>(.*?)<', chart.svg)
    assert [(kind, tip) for _, _, kind, tip in bars] == [("c1", "A: 10"), ("cn", "B: -5"), ("c1", "D: 0")]
    (start, length, *_), (below, half, *_), _ = [tuple(map(float, bar[:2])) for bar in bars]
    assert below + half == pytest.approx(start, abs=0.02)
    assert half * 2 == pytest.approx(length, abs=0.02)


def test_dates_that_go_forward_give_a_line():
    """Months stand as far apart as they are."""
    chart = table(["month", "sum"], ("2026-01", 1.0), ("2026-02", 3.0), ("2026-04", 2.0), ("2026-12", 2.0)).chart

    assert chart.kind == "line"
    across = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart.svg)]
    steps = [two - one for one, two in pairwise(across)]
    assert steps[1] / steps[0] == pytest.approx(59 / 31, rel=0.01)
    assert ">2026-01<" in chart.svg


def test_a_gap_in_the_values_is_a_gap_in_the_line():
    """NULL is not zero."""
    chart = table(["day", "n"], ("2026-01-01", 1), ("2026-01-02", None), ("2026-01-03", 2), ("2026-01-04", 2)).chart

    line = re.search(r'<path d="([^"]+)" fill="none"', chart.svg)
    assert line.group(1).count("M") == 2


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", 1)],
        [("a", 1, 2), ("b", 1, 2), ("c", 3, 4)],
        [(1, 2), (3, 4), (5, 6)],
        [(str(number), number) for number in range(100)],
        [("a", 0), ("b", 0), ("c", 0)],
    ],
)
def test_where_nothing_is_clear_there_is_no_chart(rows):
    """Too few, too many, or more than one number."""
    columns = ["x", "y", "z"][: len(rows[0]) if rows else 2]

    assert table(columns, *rows).chart is None


def test_a_chart_can_be_asked_for():
    """Of a chosen column, as a chosen kind, or not at all."""
    rows = [("a", 1, 20), ("b", 2, 10)]

    assert table(["x", "y", "z"], *rows, chart="bar", chart_value="y").chart.title == "Y"
    assert table(["x", "y", "z"], *rows, chart="line").chart.kind == "line"
    assert table(["x", "y"], ("a", 1), ("b", 2), ("c", 3), chart="none").chart is None


@pytest.mark.parametrize("values", [(0, 0, 0), (5, 5, 5), (-1, -2, -3), (1e-9, 2e-9, 3e-9), (1e15, 2e15, -1e15)])
def test_any_values_have_a_scale(values):
    """Flat, negative, tiny and huge lines stay inside the drawing."""
    rows = [(f"2026-01-0{day}", float(value)) for day, value in enumerate(values, start=1)]

    chart = table(["day", "n"], *rows, chart="line").chart

    tall = float(re.search(r'height="([\d.]+)" role', chart.svg).group(1))
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', chart.svg)]
    assert len(heights) == 3
    assert all(0 <= height <= tall for height in heights)


def test_a_word_without_end_may_break():
    """An address fits into its column, and stays one word when it is copied."""
    body = table(["x"], ("<" * 41,), ("y " * 50,)).body
    assert body.startswith(f'<tr><td class="text">{"&lt;" * 20}<wbr>{"&lt;" * 20}<wbr>&lt;</td></tr>')
    assert body.count("<wbr>") == 2


def test_rows_of_html_are_the_cells():
    """Escaped, each with its side and mark, whatever the column holds; a NUL of the data does not shift them."""
    rows = (("<b>", 1.5, 1), (None, -0.0, 5), ("a\0b", None, None), ("&amp;", math.inf, 9))
    made = table(["name", "price", "n"], *rows, columns={"n": {"heat": True}})

    cells = re.findall(r'<td class="([a-z0-9 ]+)">(.*?)</td>', made.body)
    assert cells[:6] == [
        ("text", "&lt;b&gt;"), ("number", "1.50"), ("number heat1", "1"), ("text none", "–"), ("number", "0.00"),
        ("number heat5", "5"),
    ]  # fmt: skip
    assert cells[6:] == [
        ("text", "a�b"), ("number none", "–"), ("number none", "–"), ("text", "&amp;amp;"), ("number", "∞"),
        ("number heat8", "9"),
    ]  # fmt: skip
    assert [side for line in made.lines for side, _ in line] == [side for side, _ in cells]
    assert [cell.text for row in made.rows for cell in row][:3] == ["<b>", "1.50", "1"]
    assert made.body.count("<tr>") == len(rows)
