"""The recipes of docs/cookbook.md, each against a site as it describes one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

COOKBOOK = Path(__file__).resolve().parents[3] / "docs" / "cookbook.md"
LAMP = '<article><h3><a href="/lamp/{0}">Lamp {0}</a></h3><p class="price">£{0}.50</p></article>'
FORM = '<form method="post" action="/login"><input name="user"><input type="password" name="password"></form>'


@pytest.fixture
def cook(site, scrape):
    """`cook(job)`: the result of that recipe, its hosts replaced by the site."""
    blocks = re.findall(r"```toml\n(.*?)```", COOKBOOK.read_text("utf-8"), re.DOTALL)
    jobs = {name: job for block in blocks for name, job in tomllib.loads(_here(block, site.base))["jobs"].items()}

    def run(name):
        return scrape(**{"table": name.replace("-", "_"), **jobs[name]["params"], "delay": "0s"})

    return run


def _here(block, base):
    return re.sub(r"https://(?:shop|app)\.example\.com", base, block).replace("${env:SHOP_PASSWORD:-}", "secret")


@pytest.fixture
def lamps(site):
    """Two pages of lamps, and each lamp's own."""
    site.page("/lamps", LAMP.format(1) + '<a rel=next href="/lamps2">more</a>')
    site.page("/lamps2", LAMP.format(2))
    for number in (1, 2):
        site.page(f"/lamp/{number}", f"<table><tr><th>Power</th><td>{number}0 W</td></tr></table>")


def test_all_pages_of_a_list(lamps, cook, rows):
    """Links to the next page, prices, addresses."""
    assert cook("lamps")["pages"] == 2
    assert rows("SELECT title, price, price_currency FROM lamps ORDER BY title") == [
        ("Lamp 1", 1.5, "GBP"),
        ("Lamp 2", 2.5, "GBP"),
    ]
    assert cook("lamps-slowly")["items"] == 1


def test_the_items_own_pages(lamps, cook, rows):
    """What stands beside a heading there."""
    assert cook("lamps-in-full")["items"] == 2
    assert rows("SELECT watts FROM lamps_in_full ORDER BY watts") == [(10,), (20,)]


def test_behind_a_login(site, cook, rows):
    """The form is filled in, and its cookie kept."""
    site.page("/login", FORM)

    def orders(handler):
        inside = "sid=1" in handler.headers.get("Cookie", "")
        body = ("<tr class=order><td class=number>A1<td class=total>£9.99" if inside else FORM).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    form = site.answers["/login"]

    def login(handler):
        if handler.command == "GET":
            form(handler)
            return
        handler.send_response(200)
        handler.send_header("Set-Cookie", "sid=1; Path=/")
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "7")
        handler.end_headers()
        handler.wfile.write(b"Log out")

    site.answers |= {"/login": login, "/orders": orders}

    assert cook("orders")["items"] == 1
    assert rows("SELECT number, total FROM orders") == [("A1", 9.99)]


def test_an_api_that_answers_with_json(site, cook, rows):
    """The mark of each answer asks for the next one."""
    kind = {"Content-Type": "application/json"}
    site.page("/api/lamps", '{"data": [{"id": 1, "name": "Desk"}], "next": "x"}', headers=kind)
    site.page("/api/lamps?after=x", '{"data": [{"id": 2, "name": "Floor"}], "next": null}', headers=kind)

    assert cook("lamps-api")["pages"] == 2
    assert rows("SELECT id, name FROM lamps_api ORDER BY id") == [(1, "Desk"), (2, "Floor")]
