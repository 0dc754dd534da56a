"""Pages that would hold a run for hours, or fill the memory, end with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.clock import worked
from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.bounds import Bounds, Effort
from automation.scraping.frontier import LIST, Visit
from automation.scraping.params import ScrapeParams
from automation.scraping.reader import Reader

ITEM = "<div class=i><p class=t>x</p></div>"
URL = "https://x.example/"


def read(html, field=None, **params):
    """The items of a page, by the way of a job."""
    given_params = {"start": URL, "items": ".i", "fields": {"t": field or ".t"}, **params}
    job = ScrapeParams.model_validate(given_params)
    headers = httpx.Headers({"content-type": "text/html; charset=utf-8"})
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    answer = Response(200, headers, html.encode(), URL, "GET", (), timedelta(0), moment)
    reader, visit = Reader(job.every_source[0], lambda _url: True, "html", job.parser, job), Visit(LIST, 1, URL, 0)
    return reader.items(reader.page(answer, visit), visit, answer.content)


MANY_ATTRIBUTES = {
    "plain": f"<div {' '.join(f'a{number}' for number in range(200_000))}>",
    "with values": f"<div {' '.join(f'a{number}=1' for number in range(200_000))}>",
    "that hold ends of tags": "<div {}>".format(" ".join(f"a{number}='>'" for number in range(200_000))),
    "behind a lonely quote": "<div ' {}>".format(" ".join(f"a{number}" for number in range(200_000))),
    "with slashes between": f"<div/{'/'.join(f'a{number}' for number in range(200_000))}>",
}


@pytest.mark.parametrize("parser", ["lxml", "lexbor"])
@pytest.mark.parametrize("form", MANY_ATTRIBUTES)
def test_an_element_with_too_many_attributes(form, parser):
    """Parsers take the square of their number; however they are written, they are counted before."""
    with pytest.raises(JobFailed, match="attributes, more than max_attributes = 5000; raise max_attributes") as caught:
        read(MANY_ATTRIBUTES[form] + ITEM, parser=parser)

    assert caught.value.failure_class is FailureClass.DATA_INVALID


@pytest.mark.parametrize("parser", ["lxml", "lexbor"])
@pytest.mark.parametrize(
    "html", [ITEM * 80_000, ITEM + "<div>" * 300_001, ITEM + "<p a b c d e f g h>" * 50_000, "\x01" + ITEM * 80_000]
)
def test_more_elements_than_anybody_reads(html, parser):
    """Items without end, nesting without end, attributes in small portions: the key that bounds them is named."""
    with pytest.raises(JobFailed, match="more than max_elements = 300000; raise max_elements") as caught:
        read(html, parser=parser)

    assert caught.value.code == "max_elements"


def test_more_items_of_json_than_anybody_reads():
    """What is no markup is bounded by its items."""
    with pytest.raises(JobFailed, match="400 items, more than max_elements = 100;"):
        read(f"[{','.join(['{}'] * 400)}]", {"json": "a"}, items={"json": "@"}, max_elements=100)


def test_a_raised_limit_reads_the_page():
    """The way out that the sentence names is one."""
    html = ITEM * 300

    with pytest.raises(JobFailed, match="max_elements = 500"):
        read(html, max_elements=500)
    assert len(read(html, max_elements=2000)) == 300


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 6_000 + ITEM,
        "</div>" * 6_000 + "<div>" * 6_000 + ITEM,
        "<svg>" + "<link>" * 6_000 + ITEM,
        "".join(f"<b a{number}>" for number in range(2000)) + "<p>x</p>" * 2000 + ITEM,
    ],
)
def test_what_lexbor_would_be_at_for_long_is_left_to_lxml(html):
    """Deep nesting and unclosed formatting cost Lexbor the square; the other parser reads the same page."""
    with pytest.raises(JobFailed, match='parser = "lexbor" takes too long for; parser = "lxml" reads it'):
        read(html, parser="lexbor")

    assert [item.values["t"] for item in read(html)] == ["x"]


def test_lexbor_is_not_asked_for_siblings_of_a_wide_page():
    """A selector that looks sideways takes the square of the siblings."""
    with pytest.raises(JobFailed, match=r"'\.t ~ p' on a page of so many elements"):
        read(f"<div class=i>{'<p>y</p>' * 60_000}</div>", ".t ~ p", parser="lexbor")


@pytest.mark.parametrize("parser", ["lxml", "lexbor"])
@pytest.mark.parametrize(
    ("html", "value"),
    [
        ("<div class=i><p class=t>" + "y" * 9_900_000, "y" * 9_900_000),
        ("<div class=i><p class=t>z</p><" + "a" * 9_900_000, "z"),
        ("<div class=i><p class=t>z</p><a href='" + "a" * 9_900_000, "z"),
        ("<div class=i><p class=t>" + "&amp;" * 1_000_000, "&" * 1_000_000),
        ("<div class=i><p class=t>z</p><!--" + "<!--" * 2_000_000, "z"),
    ],
)
def test_long_texts_and_tags_without_their_end_are_read(html, value, parser):
    """Ten megabytes in one line are no reason to fail."""
    assert [item.values["t"] for item in read(html, parser=parser)] == [value]


@pytest.mark.parametrize(
    ("html", "field"),
    [
        ("<div class=i><b class=t>" * 100 + "y" * 200_000, ".t"),
        ("<div class=i>" + "<span>" * 100 + "y" * 200_000, {"css": "span", "many": True}),
    ],
)
def test_items_inside_of_each_other_do_not_multiply_the_page(html, field):
    """A text that stands in a thousand items is kept a few times at most."""
    with pytest.raises(JobFailed, match="hold more than 10 times the text of the page"):
        read(html, field)


def test_reading_ends_when_it_takes_too_long():
    """The clock is looked at between items, and between the texts that a regex looks at."""
    with pytest.raises(JobFailed, match=r"more than max_reading = 10ms of the processor.*raise max_reading"):
        read(ITEM * 2000, max_reading="10ms")

    effort = Effort(Bounds(max_reading="1ms"), 10, URL)
    while worked() < effort.end:
        pass
    with pytest.raises(JobFailed, match="max_reading = 1ms"):
        effort.check()


def test_a_regex_on_a_long_text():
    """Backtracking is ended by its time; what it would remember of a long text is not begun."""
    (item,) = read("<div class=i><p class=t>" + "a" * 5_000_000, {"css": ".t", "regex": "(a|aa)+b"})

    assert item.values["t"] is None
    assert "5,000,000 characters is too long for a regex" in item.unreadable["t"]


@pytest.mark.parametrize("blanks", [" " * 3000, "\n" * 2_000_000])
def test_json_of_blanks_is_looked_at_once(blanks):
    """A script of nothing but white space takes no longer than one of JSON."""
    html = f"<script type='application/ld+json'>x{blanks}x</script>{ITEM}"
    (item,) = read(html, {"jsonld": "Product.name"})

    assert "JSON-LD cannot be read" in item.unreadable["t"]


_PIECES = st.lists(
    st.sampled_from(["<", ">", "/", "'", '"', "=", " ", "a", "b", "<p", "</p>", "<!--", "-->", "<a x=", "\x00"]),
    max_size=60,
)


def _is_refused(html):
    try:
        Bounds(max_elements=100).weigh(html, URL, "lexbor")
    except JobFailed:
        return True
    return False


@given(_PIECES)
def test_whatever_is_written_is_weighed(pieces):
    """No text is too odd to be weighed; and one that is shorter than a hundred elements is never refused."""
    html = "".join(pieces) * 3

    assert not _is_refused(html) or len(html) > 200


@given(st.integers(1, 300))
def test_as_many_elements_are_read_as_the_bound_says(elements):
    """Not one more, and not one less."""
    assert _is_refused("<p>" * elements) is (elements > 100)
