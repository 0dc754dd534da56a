"""A shop of a few books whose shelf changes from day to day.

Owns: how its page is written, and the job that reads it.
Never: serves a page or runs the job.
"""

from __future__ import annotations

from datetime import UTC, datetime

DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
ITEM = '<article><a class=t href="/book/{0}">Book {0}</a><p class=price>£{1}</p></article>'
BOOKS = {
    "items": "article", "key": "url", "table": "books", "follow": "a.next",
    "fields": {"title": ".t", "url": {"css": ".t", "type": "url"}, "price": {"css": ".price", "type": "money"}},
}  # fmt: skip
