"""Which addresses are one page, and in which order pages come."""

from __future__ import annotations

import pytest

from automation.scraping.errand import PLAIN, Errand, advanced, unpacked
from automation.scraping.extract import Item
from automation.scraping.frontier import Frontier, page_id


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://x.example/?b=2&a=1", "https://x.example/?a=1&b=2", True),
        ("https://x.example/a#top", "https://x.example/a", True),
        ("https://x.example", "https://x.example/", True),
        ("https://X.example:443/a", "https://x.example/a", True),
        ("https://x.example/%7ejoe", "https://x.example/~joe", True),
        ("https://x.example/a", "https://x.example/a/", False),
        ("https://x.example/a", "https://x.example/A", False),
        ("https://x.example/?a=1", "https://x.example/?a=2", False),
        ("http://x.example/", "https://x.example/", False),
    ],
)
def test_two_addresses_of_one_page(one, other, same):
    """Order of parameters, fragments, default ports and escapes do not make a page."""
    assert (page_id(one) == page_id(other)) is same


def test_detail_pages_come_first_and_lists_in_their_order():
    """Items are completed before more of them are found."""
    frontier = Frontier(10)
    frontier.add_list("https://x.example/1", 0)
    frontier.add_list("https://x.example/2", 0)
    frontier.add_detail("https://x.example/d", 1, Item())

    assert [frontier.pop().url[-1] for _ in range(3)] == ["d", "1", "2"]
    assert frontier.pop() is None


def test_a_page_turned_away_is_remembered():
    """`full` is said only when there was something more."""
    frontier = Frontier(1)
    frontier.add_list("https://x.example/1", 0)
    assert not frontier.full
    frontier.add_list("https://x.example/1#again", 1)
    assert not frontier.full
    frontier.add_list("https://x.example/2", 1)
    assert frontier.full


def test_a_redirect_to_a_known_page_is_known():
    """Two addresses that end at the same place are visited once."""
    frontier = Frontier(10)
    frontier.add_list("https://x.example/1", 0)
    frontier.add_list("https://x.example/2", 0)

    assert not frontier.arrived("https://x.example/2", "https://x.example/1")
    assert frontier.arrived("https://x.example/1", "https://x.example/1")


def test_page_numbers_replace_what_was_there():
    """The parameter is set once, the others stay."""
    assert advanced("https://x.example/?q=a+b&p=1&e=", PLAIN, "p", 2, None)[0] == "https://x.example/?q=a+b&e=&p=2"


def test_a_parameter_in_a_body_leaves_the_request_before_as_it_was():
    """At a path of a JSON body, as text in a form, in the query where that is said."""
    json_body = Errand(body={"method": "POST", "json": {"variables": {"first": 5}}})
    form = Errand(body={"method": "POST", "data": {"page": "1"}})

    assert advanced("https://x.example/", json_body, "variables.after", "c2", None)[1].body["json"] == {
        "variables": {"first": 5, "after": "c2"}
    }
    assert advanced("https://x.example/", form, "page", 2, "body")[1].body["data"] == {"page": "2"}
    assert advanced("https://x.example/", form, "page", 2, "query") == ("https://x.example/?page=2", form)
    assert json_body.body["json"] == {"variables": {"first": 5}}


def test_an_errand_is_the_same_after_it_was_kept_as_text():
    """Source, file, body and row; a plain one is no text at all."""
    errand = Errand(2, "feed", {"method": "POST", "json": {"a": 1}}, {"sku": "x"})

    assert unpacked(errand.packed()) == errand
    assert (PLAIN.packed(), unpacked(None)) == (None, PLAIN)


def test_one_address_is_another_page_with_another_body_or_source():
    """A list asked for by POST has one address for all of its pages."""
    frontier = Frontier(10)
    asked = [Errand(body={"data": {"page": str(number)}}) for number in (1, 2, 1)] + [Errand(source=1)]

    assert [frontier.add_list("https://x.example/", 0, 0, errand) for errand in asked] == [True, True, False, True]
