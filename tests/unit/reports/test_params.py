"""What a report's parameters may say, and every mistake in its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from automation.reports import ReportParams

QUERY = {"sql": "SELECT 1"}


def mistakes(**changed: object) -> dict[str, str]:
    """Place → message of what is wrong."""
    with pytest.raises(ValidationError) as caught:
        ReportParams.model_validate({"title": "T", "queries": {"a": QUERY}, **changed})
    return {".".join(map(str, each["loc"])): each["msg"] for each in caught.value.errors()}


def test_a_short_report_is_enough():
    """A title and a query; the rest has defaults."""
    params = ReportParams.model_validate({"title": "T", "queries": {"a": {"sql": "SELECT 1", "time_limit": "5s"}}})

    assert (params.template, params.formats, params.if_empty) == ("report.html", ["html", "csv"], "send")
    assert params.queries["a"].time_limit == timedelta(seconds=5)


def test_a_format_that_is_none_is_told():
    """What there is stands beside it."""
    assert "'htm' is not a format; write html, pdf, xlsx" in mistakes(formats=["html", "htm"])["formats.1"]


@pytest.mark.parametrize(
    ("changed", "place", "said"),
    [
        ({"compare": "week"}, "compare", "'previous', 'year' or a duration such as '28d'"),
        ({"compare": "1s"}, "compare", "at least a minute"),
        ({"locale": "xx-nowhere"}, "locale", "is not a locale; write a language such as es"),
        ({"send_if": "{{ x }}"}, "send_if", "without braces"),
        ({"send_if": "queries.a.first.n >"}, "send_if", "line 1"),
        ({"send_when": "changed"}, "", "waits for a threshold"),
        ({"thresholds": {"low": {"when": "1 >"}}}, "thresholds.low.when", "line 1"),
        ({"archive": {"folder": "../x"}}, "archive.folder", "inside of the project"),
        ({"archive": {"folder": "/x"}}, "archive.folder", "inside of the project"),
        ({"blocks": [{"block": "table"}]}, "blocks.0", "shows a query"),
        ({"blocks": [{"block": "table", "query": "b"}]}, "", "there is no query 'b'; there is: a"),
        ({"blocks": [{"block": "note"}]}, "blocks.0", "a note has text"),
        ({"blocks": [{"block": "../x", "query": "a"}]}, "blocks.0.block", "pattern"),
        ({"tilte": "x"}, "tilte", "not permitted"),
    ],
)
def test_a_mistake_is_told_in_its_place(changed, place, said):
    """The key, and what is allowed."""
    assert said in mistakes(**changed)[place]


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ({"sql": "DELETE FROM x"}, "queries.a.sql", "begins with DELETE"),
        ({"sql": ""}, "queries.a.sql", "at least 1"),
        ({"sql": "SELECT 1", "params": {"window_start": 1}}, "queries.a.params", "is set by the run"),
        ({"sql": "SELECT 1", "time_limit": "soon"}, "queries.a.time_limit", "is not a duration"),
        ({"sql": "SELECT 1", "time_limit": "7h"}, "queries.a.time_limit", "from 10ms to 6h"),
        ({"sql": "SELECT 1", "chart": "pie"}, "queries.a.chart", "'auto', 'bar', 'line'"),
        ({"sql": "SELECT 1", "columns": {"x": {"format": "euro"}}}, "queries.a.columns.x.format", "'money'"),
    ],
)
def test_a_querys_mistake_is_told_in_its_place(query, place, said):
    """The key and what is allowed."""
    assert said in mistakes(queries={"a": query})[place]


@pytest.mark.parametrize("name", ["../x", "a b", "", "a/b", "-a", "a" * 65, "a.b"])
def test_a_querys_name_is_a_files_name(name):
    """It names the CSV file, so it is letters, digits, '-' and '_'."""
    assert any(place.startswith("queries") for place in mistakes(queries={name: QUERY}))


def test_zone_and_currency_exist():
    """A wrong zone is found before the first run."""
    assert "is not a time zone" in mistakes(timezone="Mars/Base")["timezone"]
    assert "currency" in mistakes(currency="euro")
