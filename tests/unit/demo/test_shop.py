"""What the demonstration shop answers, without a socket."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from automation.clock import FrozenClock
from automation.demo.shop import Accidents, Shop

BASE = "http://127.0.0.1:8123"


@pytest.fixture
def clock():
    return FrozenClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))


@pytest.fixture
def shop(clock):
    return Shop(clock, Accidents(0, 0, 0))


def test_following_next_shows_every_product_once(shop):
    """The pages of the list, followed by their links, hold all 288 products."""
    seen, path = [], "/products"
    while path:
        page = BeautifulSoup(shop.answer(path, BASE).body, "lxml")
        seen += [card["data-sku"] for card in page.select("li.product")]
        following = page.select_one("a.next")
        path = following["href"] if following else None

    assert len(seen) == len(set(seen)) == 288


def test_a_product_page_says_the_same_in_html_and_json_ld(shop):
    """The price of the card, of the product's page and of its JSON-LD agree."""
    card = BeautifulSoup(shop.answer("/c/tea", BASE).body, "lxml").select_one("li.product")
    page = BeautifulSoup(shop.answer(card.select_one("a.link")["href"], BASE).body, "lxml")
    facts = json.loads(page.select_one('script[type="application/ld+json"]').string)

    assert card["data-sku"] == facts["sku"] == page.select_one("article")["data-sku"]
    assert card.select_one(".price").text == page.select_one(".price").text == f"€{facts['offers']['price']}"
    assert page.select_one(".description").text.startswith(facts["name"])


def test_prices_change_between_visits(shop, clock):
    """The same page shows other prices five minutes later."""
    before = shop.answer("/products", BASE).body
    clock.advance(minutes=5)

    assert re.findall("€[0-9.]+", before) != re.findall("€[0-9.]+", shop.answer("/products", BASE).body)


@pytest.mark.parametrize(
    "path", ["/p/none", "/c/none", "/products?page=99", "/products?page=x", "/products?page=-1", "/../etc"]
)
def test_what_is_not_there_is_a_404(shop, path):
    """An address that the shop does not have is answered with 404 and a page that says so."""
    assert shop.answer(path, BASE).status == 404


def test_robots_are_asked_to_leave_the_cart_alone(shop):
    """robots.txt disallows what is for people only, and names the sitemap with all product pages."""
    robots = shop.answer("/robots.txt", BASE).body

    assert "Disallow: /cart" in robots
    assert f"Sitemap: {BASE}/sitemap.xml" in robots
    assert shop.answer("/sitemap.xml", BASE).body.count("<loc>") == 288


def test_accidents_come_by_the_number_of_the_visit(clock):
    """The third visit is throttled with Retry-After, the fifth breaks, the seventh is slow, the others are fine."""
    shop = Shop(clock, Accidents(throttle=3, error=5, slow=7, slow_seconds=2.0))
    started = clock.now()

    answers = [shop.answer("/", BASE) for _ in range(7)]

    assert [answer.status for answer in answers] == [200, 200, 429, 200, 500, 429, 200]
    assert ("Retry-After", "1") in answers[2].headers
    assert clock.now() - started == timedelta(seconds=2)
