"""Wide tables on paper: letters grow smaller, then pages lie down, and no column is lost."""

from __future__ import annotations

from automation.reports.answer import Answer
from automation.reports.paper import Paper, paper_for
from automation.reports.queries import QueryParams
from automation.reports.table import make_table


def numbers(columns, digits=8):
    return [("Revenue", True, ["1" * digits])] * columns


def test_a_table_that_fits_is_left_alone():
    """Also one whose texts are long: they wrap."""
    assert paper_for(numbers(5)) == Paper()
    assert paper_for([("Remark", False, ["word " * 500]), *numbers(4)]) == Paper()


def test_a_long_word_counts():
    """Up to the letters after which it may break."""
    short, long, longer = (paper_for([("Link", False, ["x" * length]), *numbers(5)]) for length in (10, 40, 4000))
    assert short.size is None
    assert long.size < 11
    assert long == longer


def test_letters_grow_smaller_before_the_page_lies_down():
    """The more columns the smaller, upright while that can be read."""
    found = [paper_for(numbers(columns)) for columns in (8, 10, 14, 30)]
    assert [one.across for one in found] == [False, False, True, True]
    assert found[0].size > found[1].size >= 7
    assert found[2].size > found[3].size


def test_a_period_breaks_between_its_ends():
    """So that the column is half as wide as its heading."""
    answer = Answer("a", ("n", "n_before"), ((1, 2),), compared=("n",))
    table = make_table(answer, QueryParams(sql="SELECT 1"), compared="1 Jan 2026 – 1 Feb 2026")
    assert table.columns[1].heading.split(" ") == ["1\u00a0Jan\u00a02026\u00a0–", "1\u00a0Feb\u00a02026"]
