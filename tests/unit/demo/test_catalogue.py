"""What the demonstration shop sells, and for how much."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.demo.catalogue import CATEGORIES, PER_CATEGORY, SLOT_SECONDS, Catalogue, page_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_same_seed_makes_the_same_shop():
    """Two shops of one seed agree on every product and price, two seeds do not."""
    first, again, other = Catalogue("a"), Catalogue("a"), Catalogue("b")

    assert first.products == again.products
    assert [first.price(each, NOON) for each in first.products] == [again.price(each, NOON) for each in again.products]
    assert first.products != other.products


def test_articles_and_addresses_are_unique():
    """Every product can be told from every other by its article number, and by its address."""
    products = Catalogue().products

    assert len(products) == len(CATEGORIES) * PER_CATEGORY == len({each.sku for each in products})
    assert len(Catalogue().by_slug) == len(products)


def test_some_prices_change_in_a_minute_and_most_do_not():
    """A visitor who comes back after a minute finds a report's worth of changes, and not another shop."""
    shop = Catalogue()
    later = NOON + timedelta(minutes=1)

    changed = [each for each in shop.products if shop.price(each, NOON) != shop.price(each, later)]

    assert 5 <= len(changed) <= len(shop.products) // 2


@given(seconds=st.integers(0, 10**7), within=st.integers(0, SLOT_SECONDS - 1))
def test_a_price_holds_for_a_whole_slot(seconds, within):
    """Two pages fetched in the same slot never disagree about a price, and nothing costs nothing."""
    shop = Catalogue()
    start = datetime.fromtimestamp(seconds * SLOT_SECONDS, UTC)
    product = shop.products[seconds % len(shop.products)]

    assert shop.price(product, start) == shop.price(product, start + timedelta(seconds=within)) > 0


def test_some_products_are_sold_out():
    """Stock is a number from 0, and a few shelves are empty."""
    stocks = [Catalogue().stock(each, NOON) for each in Catalogue().products]

    assert min(stocks) == 0
    assert 5 < stocks.count(0) < 80


@pytest.mark.parametrize(("number", "shown"), [(1, 24), (12, 24), (13, 0), (0, 0), (-1, 0)])
def test_pages_outside_the_list_are_empty(number, shown):
    """Only pages 1 to 12 of 288 products hold anything."""
    products, pages = page_of(Catalogue().products, number, 24)

    assert (len(products), pages) == (shown, 12)
