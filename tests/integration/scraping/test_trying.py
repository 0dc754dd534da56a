"""`automation try scrape`: one page looked at, as a user types it."""

from __future__ import annotations

import json

import pytest

from automation.cli.main import main

SHOP = """<html><head><title>Lamps</title><meta property="og:title" content="All lamps"><script type="application/ld+json">
{"@type": "Product", "name": "Lamp 0", "offers": {"price": "0.50"}}</script></head><body><ul>%s</ul><a class=next href=/2>more</a></body></html>"""
ITEM = '<li class="card"><h3><a href="/lamp/%d">Lamp %d</a></h3><p class="price">£%d.50</p><p class=stock>In stock</p></li>'
JOB = """
[jobs.lamps]
plugin = "scrape"
cron = "0 7 * * *"
params = {{ start = "{base}/", delay = "0s", allow_networks = "127.0.0.0/8", items = "li.card", follow = "a.next", fields = {{ {fields} }}, detail = {{ css = "h3 > a", fields = {{ watts = ".watts" }} }} }}
"""
FIELDS = 'title = "h3 > a", price = { css = ".price", type = "money" }, cost = ".prise", number = { css = ".stock", type = "int" }'


@pytest.fixture
def shop(site):
    """A page of four lamps, and the page of the first."""
    site.page("/", SHOP % "".join(ITEM % (n, n, n) for n in range(4)))
    site.page("/lamp/0", "<p class=watts>40 W</p>")
    return site


@pytest.fixture
def attempt(tmp_path, monkeypatch, capsys):
    """`attempt(*words)`: exit code, output and errors of the command, in an empty project."""
    (tmp_path / "schedules").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main(["try", "scrape", *words])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


def test_a_job_shows_what_each_field_yields(shop, attempt, tmp_path):
    """Before and after its type, on how many items; the class that was meant; what follows; the page in a file."""
    (tmp_path / "schedules" / "a.toml").write_text(JOB.format(base=shop.base, fields=FIELDS))
    code, out, _ = attempt("lamps")
    lines = out.splitlines()

    assert code == 0
    assert lines[1].startswith("200 · text/html · utf-8 · ")
    assert lines[1].endswith("robots.txt: allowed")
    assert "4 items; of the first that has one:" in lines
    assert "price   4 of 4  '£0.50'     '0.5 GBP'" in lines
    assert "cost: nothing matches; the page has no class 'prise'; did you mean .price?" in lines
    assert "number: 'In stock' holds no number" in lines
    assert f"next page: {shop.base}/2" in lines
    assert "watts  1 match  '40 W'  '40 W'" in lines
    assert (tmp_path / ".automation" / "try" / f"{shop.base[7:].replace(':', '-')}.html").read_text() == SHOP % "".join(
        ITEM % (n, n, n) for n in range(4)
    )


def test_selectors_are_tried_on_an_address_without_a_project(shop, attempt, tmp_path):
    """As JSON: each selector with all that it matches."""
    code, out, _ = attempt(
        shop.base + "/", "--allow-network", "127.0.0.0/8", "--css", "h3 > a@href", "--jsonld", "Product.name", "--json"
    )
    found = json.loads(out)

    assert code == 0
    assert [(one["name"], one["matches"], one["before"]) for one in found["fields"]] == [
        ("h3 > a@href", 4, ["/lamp/0", "/lamp/1", "/lamp/2", "/lamp/3"]), ("Product.name", 1, ["Lamp 0"]),
    ]  # fmt: skip
    assert (found["status"], found["robots"], found["title"]) == (200, "allowed", "Lamps")


@pytest.mark.parametrize(
    ("value", "write", "items"),
    [("£2.50", '".price"', ".card"), ("Lamp 3", '"a"', ".card"), ("0.50", '{ jsonld = "Product.offers.price" }', ""),
     ("All lamps", '{ meta = "og:title" }', ""), ("/lamp/2", '"a@href"', ".card")],
)  # fmt: skip
def test_a_value_leads_to_what_to_write(shop, attempt, value, write, items):
    """Data for programs first; a selector within the element that is repeated."""
    _, out, _ = attempt(shop.base + "/", "--allow-network", "127.0.0.0/8", "--find", value, "--json")
    first = json.loads(out)["suggestions"][0]

    assert (first["write"], first["items"], first["first"]) == (write, items, value)


def test_what_cannot_be_fetched_says_so(shop, attempt, tmp_path):
    """An inner address, a disallowed one, a page that is gone, a job that is none, a selector that is none."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /private", headers={"Content-Type": "text/plain"})
    allowed = ("--allow-network", "127.0.0.0/8")

    code, out, err = attempt(shop.base + "/")
    assert (code, "not fetched" in out, "add --allow-network 127.0.0.1/32" in err) == (1, True, True)
    code, out, err = attempt(shop.base + "/private/x", *allowed)
    assert (code, "robots.txt: disallowed" in out, "disallowed by the site's robots.txt" in err) == (1, True, True)
    assert ("/private/x" in [path for _, path, _, _ in shop.asked]) is False
    code, _, err = attempt(shop.base + "/absent", *allowed)
    assert (code, "is gone (404)" in err) == (1, True)
    assert attempt("lamps")[0] == 2
    assert attempt(shop.base, "--css", "a[")[0] == 2
