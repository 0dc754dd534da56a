"""What is typed into a search box."""

import string

from hypothesis import given
from hypothesis import strategies as st

from automation.web.search import Search, read_search

KNOWN = ("tag", "state")


def test_qualifiers_and_words_are_told_apart():
    """Words in any letters, qualifiers with their values, also quoted ones."""
    found = read_search('Prices tag:shop state:failing tag:"a b"', KNOWN)

    assert found == Search(("prices",), (("tag", "shop"), ("state", "failing"), ("tag", "a b")))
    assert found.fits("tag", "shop", "x")
    assert not found.fits("state", "ok")
    assert found.fits("plugin", "anything")


def test_an_unknown_qualifier_is_told_with_the_nearest():
    """The rest of the search holds all the same."""
    found = read_search("stat:failing shop", KNOWN)

    assert found.problem == "There is no 'stat:' to search by; did you mean 'state:'?"
    assert found.words == ("shop",)


@given(st.text(max_size=700))
def test_anything_can_be_typed(text):
    """Nothing that is typed is an error."""
    found = read_search(text, KNOWN)

    assert all(key in KNOWN for key, _ in found.wanted)


@given(st.lists(st.tuples(st.sampled_from(KNOWN), st.text(string.ascii_letters + " -_", min_size=1)), max_size=5))
def test_what_is_quoted_comes_back(pairs):
    """A value in quotes is read as it is."""
    text = " ".join(f'{key}:"{value}"' for key, value in pairs)

    if len(text) <= 500:
        assert list(read_search(text, KNOWN).wanted) == pairs
