"""Which addresses are one page, and in which order pages come."""

from __future__ import annotations

import pytest

from automation.scraping.extract import Item
from automation.scraping.frontier import Frontier, numbered, page_id
from automation.scraping.params import NextParam


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
    assert numbered("https://x.example/?q=a+b&p=1&e=", NextParam(name="p"), 2) == "https://x.example/?q=a+b&e=&p=2"
