"""Milliseconds of CPU a page from its text to its items: BeautifulSoup, our readings, and others written for the page.

The others are bare lxml and, where they are installed, parsel and selectolax; they type nothing, ours does.

The pages are listings of 20 items with 5 fields and 30 to 80 KB, and, where Debian's python3-doc is there, the library's
documentation with the two selectors of the tests' main job. Each figure is the median of five passes over all pages.

Owns: the pages, the three ways and that they find the same.
Never: fetches or stores.
"""

from __future__ import annotations

import argparse
import importlib
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lxml import etree

from automation.scraping.extract import Item
from automation.scraping.page import Page
from automation.scraping.params import ScrapeParams
from automation.scraping.reading import SoupReading
from automation.scraping.soup import make_soup

DOCS = Path("/usr/share/doc/python3.11/html/library")
FIELDS = {
    "title": "h3 > a", "url": {"css": "h3 > a", "type": "url"}, "price": {"css": ".price", "type": "money"},
    "stock": ".stock", "rating": "p.rating@data-stars",
}  # fmt: skip
MODULES = "[id^='module-']:not(:has(> :is(h2, h3):-soup-contains-own('Module'):not(:has(code))))"
ITEM = etree.XPath("//article[contains(concat(' ', normalize-space(@class), ' '), ' product ')]")
BARE = [
    etree.XPath(path)
    for path in (
        "string(.//h3/a)", "string(.//h3/a/@href)", "string(.//*[@class='price'])", "string(.//*[@class='stock'])",
        "string(.//p[contains(@class, 'rating')]/@data-stars)",
    )
]  # fmt: skip
BARE_DOCS = [etree.XPath("string(//h1)"), etree.XPath("//*[starts-with(@id, 'module-')]/@id")]


def listing(number: int, chance: random.Random) -> str:
    """A page of a shop: 20 items, and the navigation, styles and words that real pages have around them."""
    items = "".join(
        f'<li class="col"><article class="product pod">\n  <div class="image"><a href="/p/{number}-{at}"><img src="/i/{at}.png" alt=""></a></div>\n'
        f'  <p class="rating star" data-stars="{at % 5}"><i class="icon"></i><i class="icon"></i></p>\n'
        f'  <h3><a href="/p/{number}-{at}" title="Item {at}">Item {number}-{at}</a></h3>\n  <div class="box"><p class="price">£{at}.50</p>'
        f'<p class="stock"><i class="ok"></i> In stock </p><form><button type="submit">Add</button></form></div></article></li>\n'
        for at in range(20)
    )
    links = "".join(
        f'<li><a class="nav-link" href="/c/{at}">Category {at}</a></li>\n' for at in range(chance.randint(150, 500))
    )
    words = "".join(f"<p>{'word ' * 40}<em>{at}</em></p>\n" for at in range(chance.randint(40, 120)))
    return f"<!doctype html>\n<html><head><title>{number}</title></head><body><nav><ul>{links}</ul></nav><ol>{items}</ol>{words}</body></html>\n"


def ours(html: str, params: ScrapeParams, *, soup: bool) -> list[dict[str, object]]:
    """The items as a job finds them; `soup`: by BeautifulSoup alone."""
    page = Page("https://shop.example/", 200, 0, "utf-8", html, parser=params.parser)
    if soup:
        page.__dict__["reading"] = SoupReading(make_soup(html))
    found = []
    for scope in page.select(params.items) if params.items else [None]:
        item = Item()
        item.read(params.fields, page, scope)
        found.append(item.values)
    return found


def bare(html: str) -> list[list[str]]:
    """The same texts by lxml, typed by nobody."""
    root = etree.HTML(html)
    return [[str(path(item)) for path in BARE] for item in ITEM(root)]


def parsel_way(html: str) -> list[list[str | None]]:
    """The same texts by parsel, as a spider writes it."""
    # A peer, which only a measurement needs; it is no dependency of any kind.
    make_selector = importlib.import_module("parsel").Selector
    ways = ("h3 > a::text", "h3 > a::attr(href)", ".price::text", ".stock::text", "p.rating::attr(data-stars)")
    return [[item.css(way).get() for way in ways] for item in make_selector(html).css("article.product")]


def selectolax_way(html: str) -> list[list[str | None]]:
    """The same texts by selectolax."""
    from selectolax.lexbor import LexborHTMLParser

    found = []
    for item in LexborHTMLParser(html).css("article.product"):
        link, rating = item.css_first("h3 > a"), item.css_first("p.rating")
        texts = [item.css_first(way).text() for way in (".price", ".stock")]
        found.append([link.text(), link.attributes["href"], *texts, rating.attributes["data-stars"]])
    return found


def peers(pages: list[str]) -> None:
    """Print one line for each of the others that is installed."""
    for name, way in (("parsel", parsel_way), ("selectolax", selectolax_way)):
        try:
            taken = milliseconds(way, pages, 5)
        except ImportError:
            print(f"  {name}: not installed")
            continue
        print(f"  {name}, untyped: {taken:.2f} ms, {1000 / taken:.0f} pages/s")


def bare_docs(html: str) -> list[object]:
    """Title and modules by lxml."""
    root = etree.HTML(html)
    return [path(root) for path in BARE_DOCS]


def milliseconds(work: Callable[[str], object], pages: list[str], passes: int) -> float:
    """CPU time a page, the median of all passes."""
    taken = []
    for _ in range(passes):
        started = time.process_time()
        for html in pages:
            work(html)
        taken.append((time.process_time() - started) * 1000 / len(pages))
    return statistics.median(taken)


def titles(html: str) -> int:
    """What a plugin of somebody's own does with a page: `ctx.soup(page).select(…)`."""
    return len([item.select_one("h3 > a").text for item in make_soup(html).select("article.product")])


def by_processes(pages: list[str]) -> None:
    """Print how much faster two processes are than one, as two of a worker's are, on plugins that use BeautifulSoup."""
    taken = {}
    for number in (1, 2, 1, 2):
        with ProcessPoolExecutor(number) as pool:
            list(pool.map(titles, pages[: 4 * number], chunksize=1))
            began = time.perf_counter()
            assert sum(pool.map(titles, pages * 2, chunksize=5)) == 40 * len(pages)
            spent = time.perf_counter() - began
        taken[number] = min(spent, taken.get(number, spent))
    rates = {number: 2 * len(pages) / seconds for number, seconds in taken.items()}
    print(
        f"  BeautifulSoup in two processes: {rates[2]:.0f} pages/s, in one {rates[1]:.0f}: {rates[2] / rates[1]:.2f} times"
    )


def compare(name: str, pages: list[str], params: ScrapeParams, peer: Callable[[str], object]) -> None:
    """Print one line for these pages, once both readings have found the same on each of them."""
    for html in pages:
        assert ours(html, params, soup=True) == ours(html, params, soup=False), html[:200]
    slow = milliseconds(lambda html: ours(html, params, soup=True), pages, 1)
    fast = milliseconds(lambda html: ours(html, params, soup=False), pages, 5)
    least = milliseconds(peer, pages, 5)
    size = statistics.mean(map(len, pages)) / 1000
    print(
        f"{name}, {len(pages)} pages of {size:.0f} KB: BeautifulSoup {slow:.1f} ms, ours {fast:.2f} ms, bare lxml {least:.2f} ms; "
        f"{slow / fast:.1f} times BeautifulSoup, {1000 / fast:.0f} pages/s"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    pages = parser.parse_args().pages
    chance = random.Random(1)
    shop = ScrapeParams.model_validate({"start": "https://shop.example/", "items": "article.product", "fields": FIELDS})
    listings = [listing(number, chance) for number in range(pages)]
    compare("listings", listings, shop, bare)
    lexbor = shop.model_copy(update={"parser": "lexbor"})
    taken = milliseconds(lambda html: ours(html, lexbor, soup=False), listings, 5)
    print(f'  ours with parser = "lexbor": {taken:.2f} ms, {1000 / taken:.0f} pages/s')
    peers(listings)
    by_processes(listings)
    if DOCS.is_dir():
        docs = ScrapeParams.model_validate(
            {
                "start": "https://docs.example/",
                "fields": {"title": "h1", "modules": {"css": MODULES, "attr": "id", "many": True}},
            }
        )
        files = chance.sample(sorted(DOCS.glob("*.html")), min(pages, 60))
        texts = [file.read_text(encoding="utf-8") for file in files]
        compare("documentation", texts, docs, bare_docs)


if __name__ == "__main__":
    main()
