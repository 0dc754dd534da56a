"""The goods of the demonstration shop, and what they cost at a moment.

Owns: products made from a seed, and prices and stock as pure functions of time.
Never: reads a clock, or knows how a page looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

#: A price may only change at the start of a slot, so that all pages of one slot agree.
SLOT_SECONDS = 15
PER_CATEGORY = 48


@dataclass(frozen=True)
class Category:
    """A department of the shop; the words are what its products are named from."""

    slug: str
    name: str
    makes: tuple[str, ...]
    things: tuple[str, ...]
    base: int


CATEGORIES = (
    Category(
        "coffee",
        "Coffee",
        ("Washed", "Natural", "Honey", "Dark Roast", "Light Roast", "House", "Single Farm", "Decaf"),
        ("Espresso Beans", "Filter Beans", "Cold Brew Bags", "Moka Grind", "Sampler Box", "Office Tin"),
        1190,
    ),
    Category(
        "tea",
        "Tea",
        ("First Flush", "Smoked", "Jasmine", "Organic", "Roasted", "Mountain", "Evening", "Old Garden"),
        ("Green Tea", "Black Tea", "Oolong", "White Tea", "Herbal Blend", "Matcha"),
        890,
    ),
    Category(
        "kitchen",
        "Kitchen",
        ("Enamel", "Stoneware", "Oak", "Copper", "Cast Iron", "Linen", "Walnut", "Blue Glaze"),
        ("Saucepan", "Mixing Bowl", "Serving Board", "Kettle", "Apron", "Storage Jar"),
        3490,
    ),
    Category(
        "paper",
        "Paper & Pens",
        ("Dotted", "Plain", "Recycled", "Pocket", "Cloth-bound", "Left-handed", "Brass", "Fine"),
        ("Notebook", "Fountain Pen", "Letter Set", "Desk Planner", "Pencil Case", "Ink Bottle"),
        1490,
    ),
    Category(
        "garden",
        "Garden",
        ("Terracotta", "Steel", "Ash-handled", "Heirloom", "Wildflower", "Copper", "Kneeling", "Rainproof"),
        ("Hand Trowel", "Seed Mix", "Watering Can", "Plant Pot", "Secateurs", "Bird Feeder"),
        1990,
    ),
    Category(
        "light",
        "Lighting",
        ("Paper", "Brass", "Opal Glass", "Clamp-on", "Rechargeable", "Smoked Glass", "Clay", "Folding"),
        ("Desk Lamp", "Pendant", "Lantern", "Wall Light", "Night Light", "Table Lamp"),
        5490,
    ),
)

_PRAISE = (
    "Made in small batches by people who use it themselves.",
    "A quiet favourite of our own shelf.",
    "Repairable: we keep spare parts for ten years.",
    "Comes in a plain box without any plastic.",
    "It looks better after a year than on its first day.",
    "Chosen after we had tried eleven others.",
)


@dataclass(frozen=True)
class Product:
    """One article; what changes with time is asked of the catalogue.

    Parameters
    ----------
    base: its usual price in cents.
    rating: stars, with one decimal.
    """

    sku: str
    slug: str
    name: str
    category: Category
    base: int
    rating: Decimal
    reviews: int
    description: str


class Catalogue:
    """All products of one seed; the same seed gives the same shop on every machine."""

    def __init__(self, seed: str = "corner") -> None:
        self.seed = seed

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """Every product, in the order in which the shop lists them."""
        return tuple(self._product(category, at) for at in range(PER_CATEGORY) for category in CATEGORIES)

    @cached_property
    def by_slug(self) -> dict[str, Product]:
        """The products by the last part of their address."""
        return {product.slug: product for product in self.products}

    def in_category(self, slug: str) -> tuple[Product, ...]:
        """The products of one department."""
        return tuple(product for product in self.products if product.category.slug == slug)

    def price(self, product: Product, moment: datetime) -> Decimal:
        """What it costs at this moment, in euros; some products change in each slot, the others keep their price."""
        offer = self._era(product.sku, "price", moment, least=4, spread=36)
        change = (0, 0, -15, -10, -5, 5, 8, -20)[offer % 8]
        return Decimal(round(product.base * (100 + change) / 1000) * 10) / 100

    def stock(self, product: Product, moment: datetime) -> int:
        """How many are left at this moment; about one in nine is sold out."""
        level = self._era(product.sku, "stock", moment, least=8, spread=60)
        return 0 if level % 9 == 0 else level % 40 + 1

    def _era(self, sku: str, what: str, moment: datetime, *, least: int, spread: int) -> int:
        """A number that stays for some slots; each product has a rhythm of its own."""
        slot = int(moment.timestamp()) // SLOT_SECONDS
        rhythm = self._number(sku, what, "rhythm")
        period = least + rhythm % spread
        return self._number(sku, what, str((slot + rhythm) // period))

    def _number(self, *parts: str) -> int:
        digest = hashlib.blake2b("/".join((self.seed, *parts)).encode(), digest_size=6).digest()
        return int.from_bytes(digest)

    def _product(self, category: Category, at: int) -> Product:
        name = f"{category.makes[at % len(category.makes)]} {category.things[at // len(category.makes)]}"
        sku = f"{category.slug[:3].upper()}-{at + 101}"
        luck = self._number(sku, "product")
        return Product(
            sku=sku,
            slug=f"{name.lower().replace(' ', '-')}-{at + 101}",
            name=name,
            category=category,
            base=category.base * (60 + luck % 120) // 100 // 10 * 10,
            rating=Decimal(30 + luck // 128 % 21) / 10,
            reviews=luck // 4096 % 480 + 3,
            description=f"{name} from our {category.name.lower()} shelf. {_PRAISE[luck // 64 % len(_PRAISE)]}",
        )


def page_of(products: Sequence[Product], number: int, size: int) -> tuple[Sequence[Product], int]:
    """The products of page `number` (from 1), and how many pages there are; a page that is not there is empty."""
    pages = max(1, -(-len(products) // size))
    return products[(number - 1) * size : number * size] if number >= 1 else (), pages
