"""What a run takes from those before it: how it is written, looked up and filled in."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from automation.errors import FailureClass, JobFailed
from automation.ledger.upstream import (
    MOST_ELEMENTS,
    Taking,
    elements,
    fill,
    named,
    take,
    taking,
    takings,
)

KNOWN = {
    "result": {"rows": 3, "urls": ["a", {"b": None}], "title": "Ä {{ item }} ${env:X}", "a-b": True, "0": "zero"},
    "state": "succeeded", "reason": None, "run": "r1", "job": "report",
}  # fmt: skip


def filled(value: Any, item: tuple[Any, ...] = ()) -> Any:
    """The value, with `report` as the step before."""
    return fill(value, lambda one: take(one, KNOWN if one.job == "report" else None, item))


@pytest.mark.parametrize(
    ("text", "job", "fact", "path"),
    [
        ("{{ upstream.report.result.rows }}", "report", "result", ("rows",)),
        ("{{upstream.weekly-prices.result}}", "weekly-prices", "result", ()),
        ("{{ upstream.a.b.result.c[0].d }}", "a.b", "result", ("c", "0", "d")),
        ("{{ upstream.report.reason }}", "report", "reason", ()),
        ("{{ item }}", None, "", ()),
        ("{{ item.url }}", None, "", ("url",)),
    ],
)
def test_a_placeholder_is_read(text: str, job: str | None, fact: str, path: tuple[str, ...]) -> None:
    """Whose, what of it, and the path inside."""
    assert taking(text) == Taking(job, fact, path)
    assert takings(f"before {text} behind")[0].words in text


@pytest.mark.parametrize(
    "text", ["{{ upstream.report }}", "{{ row.name }}", "upstream.a.result", "{{ items }}", "{{ item | upper }}"]
)
def test_other_expressions_are_left_alone(text: str) -> None:
    """They are the plugin's own templates, or nothing at all."""
    assert taking(text) is None
    assert filled({"a": [text]}) == {"a": [text]}


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("{{ upstream.report.result.rows }}", 3),
        ("{{ upstream.report.result.urls }}", ["a", {"b": None}]),
        ("{{ upstream.report.result.urls[1].b }}", None),
        ("{{ upstream.report.result.a-b }}", True),
        ("{{ upstream.report.result.0 }}", "zero"),
        ("{{ upstream.report.state }} in {{ upstream.report.run }}", "succeeded in r1"),
        ("n={{ upstream.report.result.rows }}, {{ upstream.report.result.urls }}", 'n=3, ["a", {"b": null}]'),
        ("why: {{ upstream.report.reason }}.", "why: ."),
        ({"x": ["{{ item.id }}", {"y": "{{ item }}"}]}, {"x": [7, {"y": {"id": 7}}]}),
        ("{{ upstream.report.result.title }}", "Ä {{ item }} ${env:X}"),
        ("<{{ upstream.report.result.title }}>", "<Ä {{ item }} ${env:X}>"),
    ],
)
def test_values_are_filled_in(value: Any, becomes: Any) -> None:
    """Alone it keeps its kind; within a text it is text; what was filled in is not read again."""
    assert filled(value, ({"id": 7},)) == becomes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ upstream.report.result.cols }}", "{{ upstream.report.result.cols }}: there is no 'cols' in the result of run r1 of job 'report' (succeeded); there is a table with rows, urls, title, a-b, 0"),
        ("{{ upstream.report.result.urls[2] }}", "there is no '2' at 'urls' of the result of run r1 of job 'report' (succeeded); there is a list of 2 elements"),
        ("{{ upstream.report.result.rows.x }}", "there is no 'x' at 'rows' of the result of run r1 of job 'report' (succeeded); there is the value 3"),
        ("{{ upstream.gone.result }}", "{{ upstream.gone.result }}: job 'gone' has no run in this flow, and has not succeeded before"),
        ("{{ item.url }}", "{{ item }}: this run is for no element of a list"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_with_what_is(text: str, said: str) -> None:
    """As a failure of class config: no further try would find it."""
    with pytest.raises(JobFailed) as failed:
        filled(text)
    assert said in str(failed.value)
    assert failed.value.failure_class is FailureClass.CONFIG


def test_names_are_found_in_templates_too() -> None:
    """Where a filter stands behind one, or in a condition."""
    text = "{% if upstream.a.result.n %}{{ upstream.b-c.result.total | money }}{% endif %}"
    assert named(text) == ["a", "b-c"]
    assert named("upstream.a.result is a word here") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1}, "is a table with a"),
        ("x", "is the text"),
        (None, "is nothing"),
        ([0] * (MOST_ELEMENTS + 1), "10,001 elements, more than 10,000"),
    ],
)
def test_a_list_of_bearable_length_is_needed(value: Any, said: str) -> None:
    """Anything else is told as what it is."""
    with pytest.raises(JobFailed, match=said):
        elements(value, Taking("list", "result", ("urls",), "upstream.list.result.urls"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_comes_through_as_it_is(value: Any) -> None:
    """Whatever a run returned: alone it is itself, and a value without a taking is not touched."""
    assert fill("{{ item }}", lambda one: take(one, None, (value,))) == value
    if not takings(str(value)):
        assert fill(value, lambda one: pytest.fail("asked for something")) == value
