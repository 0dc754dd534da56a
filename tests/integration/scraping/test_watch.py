"""A watched page: what counts as a change, what is said of it, and when its followers run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from automation.errors import JobFailed, Skip

DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE = {"value": {"css": ".price", "type": "money"}}


@pytest.fixture
def look(site, run_plugin):
    """`look(n, html, …)`: the result of the n-th look at a page, or why it was skipped."""

    def run(number, body, *, attempt=1, **params):
        site.page("/kettle", body)
        given = {
            "url": f"{site.base}/kettle",
            "delay": "0s",
            "robots": False,
            "allow_networks": "127.0.0.0/8",
            **params,
        }
        try:
            return run_plugin(
                "watch", given, run_id=f"r{number}", attempt=attempt, moment=DAY + timedelta(hours=number)
            )
        except Skip as skipped:
            return str(skipped)

    return run


def price(amount):
    return f"<p>Kettle</p><p class=price>£{amount}</p><p>{amount} people look at this</p>"


def test_a_price_that_falls_below_a_bound(look, traces):
    """Told when it is below and has changed; a rise, and the same price again, are not."""
    when = {"when": {"below": 20}}

    assert look(1, price(25), **PRICE, **when) == "the first look: kept to compare with"
    assert traces.lines[-1].endswith("/kettle: 25 GBP")
    assert look(2, price(25), **PRICE, **when) == "nothing has changed"
    assert look(3, price(22), **PRICE, **when) == "changed, but not as when says; kept to compare with"
    told = look(4, price("19.99"), **PRICE, **when)
    assert (told["met"], told["old"], told["new"]) == (["below 20"], "22 GBP", "19.99 GBP")
    assert told["diff"] == "- 22 GBP\n+ 19.99 GBP"
    assert look(5, price("19.99"), **PRICE, **when) == "nothing has changed"
    assert look(6, price(30), **PRICE, when={"changed_by": "50%"})["met"] == ["changed by 50.1%"]


def test_the_first_look_may_tell(look, traces):
    """What is already as somebody waits for is told at once, with something to read and to attach."""
    told = look(1, price(15), **PRICE, when={"below": 20})
    assert (told["met"], told["old"], told["new"], told["diff"]) == (["below 20"], None, "15 GBP", "+ 15 GBP")
    assert traces.files["diff.txt"] == b"+ 15 GBP"
    assert b"+ 15 GBP" in traces.files["diff.html"]
    assert look(2, price(15), select="p", when={"appears": "Kettle"})["diff"] == "'Kettle' appeared"


def test_a_second_attempt_tells_what_the_first_would_have_told(look):
    """The version that a killed attempt kept is not what its successor compares with."""
    look(1, price(25), **PRICE)

    first, second = look(2, price(19), **PRICE), look(2, price(19), attempt=2, **PRICE)

    assert first == second
    assert first["met"] == ["changed"]


def test_text_is_compared_without_its_noise(look, traces):
    """Scripts, ignored parts and ignored words are no change; the lines that are one are in result and files."""
    page = "<script>{0}</script><div class=ad>{0}</div><main><h1>Kettle</h1><p>seen {0} times</p><p>{1}</p></main>"
    quiet = {"select": "main", "ignore": r"seen \d+ times", "ignore_selectors": ".ad"}

    look(1, page.format(1, "Sold out"), **quiet)
    assert look(2, page.format(2, "Sold out"), **quiet) == "nothing has changed"
    told = look(3, page.format(3, "In <b>stock</b> & <i>cheap</i>"), **quiet, when={"appears": "In stock"})

    assert told["met"] == ["'In stock' appeared"]
    assert told["diff"] == "  Kettle\n- Sold out\n+ In stock & cheap"
    assert traces.files["diff.txt"].decode() == told["diff"]
    assert "+ In stock &amp; cheap" in traces.files["diff.html"].decode()
    assert look(4, page.format(4, "Sold out"), **quiet, when={"disappears": ["In stock"]})["met"] == [
        "'In stock' disappeared"
    ]


def test_json_and_tables_are_compared_by_their_parts(look):
    """Each value that changed has its path; each cell its row and column."""
    data = {"stock": {"left": 3, "sold": [1, 2]}, "name": "kettle"}
    look(1, json.dumps(data), compare="json")
    data["stock"] = {"left": 2, "sold": [1, 2, 5], "new": True}
    told = look(2, json.dumps(data), compare="json")
    assert told["diff"].splitlines() == [
        "- stock.left: 3", "+ stock.left: 2", "+ stock.new: true", "+ stock.sold[]: 5",
    ]  # fmt: skip

    table = "<table><tr><th>City<th>Price<tr><td>Bilbao<td>{0}<tr><td>Lugo<td>4</table>"
    look(3, table.format(5), compare="table")
    told = look(4, table.format(6), compare="table")
    assert told["diff"] == "- Bilbao, Price: 5\n+ Bilbao, Price: 6"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"select": "#nowhere"}, "nothing matches #nowhere"),
        ({"value": {"css": ".nowhere"}}, "the value is not there"),
        ({"value": {"css": "p", "type": "money"}}, "Kettle"),
        ({"compare": "json"}, "it is no JSON"),
    ],
)
def test_a_page_without_what_is_watched_fails(look, params, says):
    """A selector that stopped matching is not an unchanged page."""
    with pytest.raises(JobFailed, match=says) as caught:
        look(1, price(5), **params)

    assert caught.value.failure_class == "parse_drift"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"when": {"below": 5}}, "below and above need one value"),
        ({"value": ".price", "when": {"below": 5}}, "need a number"),
        ({**PRICE, "select": "main"}, "write value, or select and compare, not both"),
        ({"select": "p::text"}, "selects no element"),
        ({"ignore": "("}, "is not a regular expression"),
        ({"when": {"bellow": 5}}, "bellow"),
        ({"wait_for": "p"}, "write render = true beside it"),
    ],
)
def test_what_cannot_be_watched_is_refused(look, params, says):
    """Before anything is fetched."""
    with pytest.raises(ValueError, match="validation error") as caught:
        look(1, price(5), **params)

    assert says in str(caught.value)
