"""What a TOML file may say, and how it is told what it may not."""

from __future__ import annotations

from datetime import timedelta

import pytest
import soupsieve
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.scraping.params import ScrapeParams
from automation.scraping.selectors import PLAIN_CSS

GOOD = {"start": "https://example.com/", "items": "article", "fields": {"title": "h3 > a@title", "url": "a"}}


def complaint(**changed):
    with pytest.raises(ValidationError) as caught:
        ScrapeParams.model_validate({**GOOD, **changed})
    return [(".".join(map(str, one["loc"])), one["msg"]) for one in caught.value.errors()]


def test_the_example_of_the_documentation_is_accepted():
    """A selector string names an attribute after the last @."""
    params = ScrapeParams.model_validate({**GOOD, "key": "url", "delay": "500ms", "export": "csv"})

    title = params.fields["title"]
    assert (title.css, title.attr) == ("h3 > a", "title")
    assert (params.delay, params.key, params.export) == (timedelta(milliseconds=500), ("url",), ("csv",))


def test_the_defaults_are_polite():
    """One second, one request at a time, robots.txt, the hosts of start."""
    params = ScrapeParams.model_validate(GOOD)

    assert (params.delay, params.concurrency, params.robots, params.same_host) == (timedelta(seconds=1), 1, True, True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"start": "example.com"}, "write https://example.com"),
        ({"proxy": "socks5://127.0.0.1:9050"}, "SOCKS is not spoken here"),
        ({"proxy": "127.0.0.1:3128"}, "write http://host:port"),
        ({"start": "https://me:pw@example.com/"}, "auth"),
        ({"start": []}, "at least 1 item"),
        ({"items": "article["}, "is not a CSS selector"),
        ({"items": "h1::text"}, "'h1::text' selects no element: pseudo-elements (such as ::text)"),
        ({"fields": {"t": "a::attr(href)"}}, '"a@href" reads an attribute, in place of a::attr(href)'),
        ({"items": {"xpath": "//a["}}, "is not an XPath expression"),
        ({"items": {"css": "a", "xpath": "//a"}}, "css or xpath, not both"),
        ({"fields": {}}, "fields is empty"),
        ({"fields": {"first_seen": "h1"}}, "is a column of our own"),
        ({"fields": {"a-b": "h1"}}, "letters, digits and _"),
        ({"fields": {"a": "h1", "A": "h2"}}, "two fields make the column 'a'"),
        (
            {"fields": {"p": {"css": "p", "type": "money"}, "p_currency": "i"}},
            "two fields make the column 'p_currency'",
        ),
        ({"fields": {"t": {"css": "p", "regex": "("}}}, "is not a regular expression"),
        ({"fields": {"t": {"from": "page.uri"}}}, "did you mean 'page.url'?"),
        ({"fields": {"t": {"type": "int"}}}, "say where the value stands"),
        ({"fields": {"t": {"css": "p", "clean": ["lowr"]}}}, "did you mean 'lower'?"),
        ({"fields": {"t": {"css": "p", "clean": "remove:"}}}, "remove:TEXT"),
        ({"fields": {"t": {"css": "p", "format": "%d"}}}, 'format goes with type = "date"'),
        ({"fields": {"t": {"css": "p", "type": "int", "default": "none"}}}, "is not of the field's type (int)"),
        ({"fields": {"t": {"css": "p", "type": "int", "default": True}}}, "is not of the field's type (int)"),
        ({"key": ["titel"]}, "did you mean 'title'?"),
        ({"key": ["title", "title"]}, "twice"),
        ({"table": "books; drop table x"}, "letters, digits and _"),
        ({"delay": "1 second"}, "is not a duration"),
        ({"allow_networks": ["10.0.0.0/99"]}, "is not a network"),
        ({"auth": {"user": "me"}}, "user and password, or bearer"),
        ({"quality": {"coverage": {"prise": 0.9}}}, "'prise' is not a field"),
        ({"detail": "a@href"}, "Field required"),
        ({"export": "xls"}, "'csv', 'jsonl' or 'parquet'"),
    ],
)
def test_each_mistake_has_its_sentence(changed, says):
    """What is wrong is told with what to write."""
    assert any(says in message for _, message in complaint(**changed))


def test_several_mistakes_are_told_at_once():
    """All problems in one answer, each at its place."""
    told = dict(complaint(items="a[", max_pages=0, nonsense=1))

    assert {"items.css", "max_pages", "nonsense"} <= set(told)


def test_credentials_do_not_print():
    """A password is not in the text of the parameters."""
    params = ScrapeParams.model_validate({**GOOD, "auth": {"user": "me", "password": "hunter22"}})

    assert "hunter22" not in repr(params)


@pytest.mark.parametrize("rule", ["h3 > a@href", {"css": "h3 > a@href"}, {"css": "h3 > a", "attr": "href"}])
def test_an_attribute_may_stand_behind_the_selector_in_either_form(rule):
    """`"css@attr"` says the same as a string and inside a table."""
    found = ScrapeParams(start="https://example.com/", fields={"url": rule}).fields["url"]
    assert (found.css, found.attr) == ("h3 > a", "href")


def test_two_attributes_for_one_field_are_refused():
    """Which one is meant, nobody can tell."""
    with pytest.raises(ValueError, match="write one of them"):
        ScrapeParams(start="https://example.com/", fields={"url": {"css": "a@href", "attr": "title"}})


@settings(max_examples=40)
@given(st.from_regex(PLAIN_CSS, fullmatch=True))
def test_what_passes_for_a_plain_selector_is_one(text):
    """Whatever is believed without the parser, the parser takes too."""
    assert soupsieve.compile(text).selectors


@pytest.mark.parametrize("text", ["h3 >", "a..b", ".1", "a[", "a:nope", "> a", "a,", ""])
def test_what_is_no_selector_does_not_pass_for_a_plain_one(text):
    """Nothing that the parser refuses is believed."""
    assert PLAIN_CSS.fullmatch(text) is None


@pytest.mark.parametrize(
    ("given", "place", "says"),
    [
        ({"fields": {"a": "b"}}, "", "say where to begin: start"),
        ({"fields": {"a": "b"}, "sources": [{"fields": {"a": "b"}}]}, "sources.0", "say where it begins"),
        ({"start": "https://x.example/", "fields": {"a": "b"}, "sources": [{"feed": "https://x.example/f", "fields": {"a": {"json": "n", "type": "int"}}}]},
         "sources.0.fields.a", "the column is of type text in another source"),
        ({"start": "https://x.example/", "fields": {"a": "b"}, "cursor": {"name": "after"}}, "cursor", "say where the mark stands"),
        ({"start": "https://x.example/", "fields": {"a": "b"}, "cursor": {"name": "c", "css": "a", "where": "body"}}, "cursor.where", "the request has no body"),
        ({"start": "https://x.example/", "fields": {"a": "b"}, "request": {"method": "GET", "json": {}}}, "request", "a GET has no body"),
        ({"start": "https://x.example/", "fields": {"id": "b"}, "detail": {"url": "https://x.example/{ids}", "fields": {"c": "d"}}},
         "detail.url", "there is no field 'ids'; did you mean 'id'"),
        ({"for_query": {"sql": "SELECT 1", "url": "ftp://x/{a}"}, "fields": {"a": "b"}}, "for_query.url", "only http:// and https://"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_refused(given, place, says):
    """Where it stands in the parameters, and what is to be written."""
    with pytest.raises(ValidationError) as caught:
        ScrapeParams.model_validate(given)

    assert any(".".join(map(str, one["loc"])) == place and says in one["msg"] for one in caught.value.errors())


def test_a_parser_that_has_no_xpath_refuses_it():
    """Wherever it stands."""
    detail = {"css": "a", "fields": {"stock": {"xpath": ".//p"}}}

    assert complaint(detail=detail, parser="lexbor") == [
        ("parser", "lexbor reads no XPath; write css, or leave parser out")
    ]
