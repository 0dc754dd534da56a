"""Two versions of a watched page: what is said of the difference."""

from __future__ import annotations

import json

import httpx
import pytest

from automation.errors import JobFailed
from automation.net import Response
from automation.scraping.changes import compare, number_of
from automation.scraping.watch import WatchParams, content_of


def seen(body, media="text/html", **params):
    """What is compared of a page."""
    answer = Response(
        200, httpx.Headers({"content-type": f"{media}; charset=utf-8"}), body.encode(), "http://a.example/"
    )
    return content_of(WatchParams.model_validate({"url": answer.url, **params}), answer)


@pytest.mark.parametrize(
    ("kind", "old", "new", "lines"),
    [
        ("text", "-- 5\nb", "-- 6\nb", ["- -- 5", "+ -- 6", "  b"]),
        ("text", "", "a", ["+ a"]),
        ("text", "a\nb\nc\nd\ne", "a\nb\nX\nd\ne", ["  b", "- c", "+ X", "  d"]),
        ("json", "[1, 1, 2]", "[1, 2]", ["- []: 1"]),
        ("json", '{"a": "b"}', '{"a": "c\u2028d"}', ['- a: "b"', '+ a: "c\u2028d"']),
        ("table", "City\tPrice\nLugo\t1\nLugo\t2", "City\tPrice\nLugo\t3\nLugo\t2", ["- Lugo, Price: 1", "+ Lugo, Price: 3"]),
        ("table", "a\t1\nb\t2", "b\t2\na\t1", []),
    ],
)  # fmt: skip
def test_each_difference_is_told(kind, old, new, lines):
    """Lines that look like marks, one of two equal entries, one of two rows of a name; the order of rows is none."""
    assert [*compare(kind, old, new).lines] == lines


def test_long_pages_of_which_much_changed_are_compared_at_once():
    """Line by line they would take minutes; what is told is which lines came and went."""
    old = [f"line {number}" for number in range(20_000)]
    new = [line if number % 2 else f"{line}!" for number, line in enumerate(old)]

    text = compare("text", "\n".join(old), "\n".join(new))
    listed = compare("json", json.dumps(old), json.dumps([*new, "more"]))

    assert (text.added, text.removed, text.lines[0]) == (10_000, 10_000, "- line 0")
    assert (listed.added, listed.removed) == (10_001, 10_000)
    assert compare("text", "\n".join(old), "\n".join(old[::-1])).text == "  the same lines in another order"


def test_json_keeps_ends_of_lines_within_its_texts():
    """What a page holds today can be compared with what it holds tomorrow."""
    kept = seen('{"a": "b\u2028c"}', "application/json", compare="json")

    assert compare("json", kept, '{"a": 1}').lines == ('- a: "b\u2028c"', "+ a: 1")


def test_halves_of_characters_are_kept_as_a_mark():
    """JSON may hold them, a database does not."""
    assert '"b?"' in seen('{"a": "b\\ud800"}', "application/json", compare="json")


def test_a_small_number_keeps_its_size():
    """A hundred-thousandth is below a half."""
    assert number_of(seen("<b>0.00001</b>", value={"css": "b", "type": "number"})) == pytest.approx(0.00001)


@pytest.mark.parametrize("params", [{}, {"compare": "table"}, {"compare": "table", "select": "main"}])
def test_a_page_of_nothing_is_no_page(params):
    """An empty answer, or a page that scripts make, is not kept as a version that never changes."""
    with pytest.raises(JobFailed, match="render = true") as caught:
        seen("<title>Shop</title><main><div id=app></div></main><script>fill()</script>", **params)

    assert caught.value.failure_class == "parse_drift"
    assert seen("<main></main>", select="main") == ""
    assert seen("<!doctype html><title>Shop</title><main>Kettle</main>") == "Kettle"


def test_pages_nested_without_end_are_read_in_time():
    """Depth costs no square; tables inside of tables do not multiply the page."""
    assert seen("<div>" * 6000 + "a<p>b") == "a\nb"
    with pytest.raises(JobFailed, match="more than 10 times the text"):
        seen("<table><tr><td>" + "<table><tr><td>word " * 60 + "x" * 200_000, compare="table")
    with pytest.raises(JobFailed, match="more than max_elements = 10"):
        seen("<p>x" * 20, max_elements=10)
