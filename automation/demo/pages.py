"""The pages of the demonstration shop.

Owns: its HTML, its style sheet, robots.txt and sitemap.
Never: knows a socket or the time; everything shown is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from automation.demo.catalogue import CATEGORIES, Category, Product

SHOP = "The Corner Shelf"
ROBOTS = """User-agent: *
Disallow: /cart
Disallow: /search
Allow: /

Sitemap: {base}/sitemap.xml
"""

STYLE = """
:root { color-scheme: light dark; --ink: #22201c; --soft: #6d665a; --page: #faf7f1; --card: #fff; --line: #e5ddcd;
  --accent: #9a3f1d; --good: #2f6b3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1ece2; --soft: #a89f8f; --page: #1b1916; --card: #25221d;
  --line: #3a352d; --accent: #f09a6d; --good: #8fd09c; } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 Georgia, 'Times New Roman', serif; color: var(--ink); background: var(--page) }
a { color: inherit; text-decoration: none } a:hover { text-decoration: underline }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 1.25rem }
header { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; border-bottom: 1px solid var(--line) }
header .name { font-size: 1.5rem; font-weight: bold; letter-spacing: -.01em }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; color: var(--soft) }
nav [aria-current] { color: var(--accent) }
h1 { font-size: 1.6rem; margin: .5rem 0 1rem } .count { color: var(--soft); font-size: 1rem; font-weight: normal }
.shelf { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); padding: 0; list-style: none }
.product { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; display: flex;
  flex-direction: column; gap: .35rem }
.product h2 { font-size: 1.05rem; margin: 0 } .product p { margin: 0 } .kind, .sku, .rating { color: var(--soft); font-size: .9rem }
.price { font-size: 1.2rem; color: var(--accent); font-variant-numeric: tabular-nums }
.stock { font-size: .9rem; color: var(--good) } .stock.out { color: var(--soft) }
.pager { display: flex; gap: 1.5rem; justify-content: center; padding: 1.5rem 0 } .pager a { color: var(--accent) }
.detail { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem 2rem; max-width: 44rem }
footer { color: var(--soft); font-size: .9rem; border-top: 1px solid var(--line) }
"""


@dataclass(frozen=True)
class Offer:
    """A product with what changes: its price and stock at the moment of the visit."""

    product: Product
    price: Decimal
    stock: int


@dataclass(frozen=True)
class Listing:
    """One page of a list of products; `number` counts from 1."""

    path: str
    category: Category | None
    offers: Sequence[Offer]
    number: int
    pages: int
    total: int


def listing(page: Listing) -> str:
    """A page of product cards, with links to the pages before and after."""
    title = page.category.name if page.category else "Everything"
    links = [
        f'<a class="{rel}" rel="{rel}" href="{page.path}?page={number}">{word}</a>'
        for rel, word, number in (("prev", "← Previous", page.number - 1), ("next", "Next →", page.number + 1))
        if 1 <= number <= page.pages
    ]
    cards = "\n".join(_card(offer) for offer in page.offers)
    return _layout(
        f"{title} · page {page.number}",
        page.category,
        f"""<h1>{escape(title)} <small class="count">{page.total} products, page {page.number} of {page.pages}</small></h1>
<ol class="shelf">
{cards}
</ol>
<p class="pager">{" ".join(links)}</p>""",
    )


def detail(offer: Offer, address: str) -> str:
    """The page of one product, with its description and the same facts as JSON-LD."""
    product = offer.product
    return _layout(
        product.name,
        product.category,
        f"""<script type="application/ld+json">{_json_ld(offer, address)}</script>
<article class="detail" data-sku="{product.sku}">
<p class="kind">{escape(product.category.name)}</p>
<h1>{escape(product.name)}</h1>
<p class="price">{_money(offer.price)}</p>
{_stock(offer)}
<p class="rating"><span class="stars">{product.rating:.1f}</span> of 5 from <span class="reviews">{product.reviews}</span> reviews</p>
<p class="description">{escape(product.description)}</p>
<p class="sku">Article {product.sku}</p>
</article>""",
    )


def message(title: str, text: str) -> str:
    """A page that only says something: an error, or a part of the shop that robots should leave alone."""
    return _layout(title, None, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def sitemap(base: str, products: Iterable[Product]) -> str:
    """The addresses of all product pages, as sitemaps.org asks."""
    urls = "\n".join(f"<url><loc>{base}/p/{product.slug}</loc></url>" for product in products)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'


def _layout(title: str, current: Category | None, body: str) -> str:
    links = " ".join(
        f'<a href="/c/{category.slug}"{" aria-current=true" if category == current else ""}>{escape(category.name)}</a>'
        for category in CATEGORIES
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · {SHOP}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><a class="name" href="/">{SHOP}</a>
<nav><a href="/products">Everything</a> {links} <a href="/cart">Cart</a></nav></header>
<main>
{body}
</main>
<footer>A make-believe shop for trying things out. Prices change while you look.</footer>
</body>
</html>
"""


def _card(offer: Offer) -> str:
    product = offer.product
    return f"""<li class="product" data-sku="{product.sku}">
<p class="kind">{escape(product.category.name)}</p>
<h2><a class="link" href="/p/{product.slug}">{escape(product.name)}</a></h2>
<span class="price">{_money(offer.price)}</span>
{_stock(offer)}
<span class="sku">{product.sku}</span>
</li>"""


def _stock(offer: Offer) -> str:
    if not offer.stock:
        return '<span class="stock out">Sold out</span>'
    return f'<span class="stock">{offer.stock} in stock</span>'


def _money(price: Decimal) -> str:
    return f"€{price:,.2f}"


def _json_ld(offer: Offer, address: str) -> str:
    product = offer.product
    facts = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": product.sku,
        "name": product.name,
        "category": product.category.name,
        "aggregateRating": {
            "@type": "AggregateRating",
            "ratingValue": f"{product.rating:.1f}",
            "reviewCount": product.reviews,
        },
        "offers": {
            "@type": "Offer",
            "url": address,
            "price": f"{offer.price:.2f}",
            "priceCurrency": "EUR",
            "availability": f"https://schema.org/{'InStock' if offer.stock else 'OutOfStock'}",
        },
    }
    return json.dumps(facts).replace("<", "\\u003c")
