"""Feeds: RSS, Atom and JSON Feed as lists of entries.

Owns: the keys of an entry, whatever the feed calls them.
Never: fetches; reads a date, which a field's type does.
"""

from __future__ import annotations

import json
from typing import Any

from automation.scraping.markup import children, local, parse_xml, text_of
from automation.text import printable

#: The keys that every entry may have, as `json` of a field names them.
KEYS = ("title", "link", "id", "published", "updated", "author", "summary", "content", "categories", "enclosure")
_MOST = 20_000
#: Key → the elements that hold it, the first one found counting.
_TEXTS = {
    "title": ("title",), "id": ("guid", "id"), "published": ("pubdate", "published", "issued", "date"),
    "updated": ("updated", "modified", "lastbuilddate"), "author": ("author", "creator"),
    "summary": ("description", "summary"), "content": ("encoded", "content"),
}  # fmt: skip


def read_feed(content: bytes) -> list[dict[str, Any]]:
    """The entries of a feed, each with the keys that it has. Raises ValueError when it is no feed."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _read_json(content)
    root = parse_xml(content)
    if local(root) not in ("rss", "feed", "rdf"):
        raise ValueError(f"it is no feed: its root is <{printable(local(root), 40)}>, not <rss>, <feed> or <rdf:RDF>")
    holders = [root, *children(root, "channel")]
    entries = [one for holder in holders for one in children(holder, "item", "entry")]
    return [_entry(one) for one in entries[:_MOST]]


def _entry(element: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, names in _TEXTS.items():
        for name in names:
            # An element that is there and empty is passed over for the next that is not.
            text = next((text for one in children(element, name) if (text := _text(key, one))), None)
            if text:
                made[key] = text
                break
    link = _link(element)
    if link:
        made["link"] = link
    categories = [one.get("term") or text_of(one) for one in children(element, "category", "subject")]
    if categories:
        made["categories"] = [one for one in categories if one]
    enclosed = next((one.get("url") or one.get("href") for one in _enclosures(element)), None)
    if enclosed:
        made["enclosure"] = enclosed
    return made


def _text(key: str, element: Any) -> str:
    if key == "author":
        named = next((text_of(one) for one in children(element, "name")), "")
        return named or text_of(element)
    return text_of(element)


def _link(element: Any) -> str | None:
    links = list(children(element, "link"))
    chosen = [one for one in links if one.get("href") and one.get("rel", "alternate") == "alternate"]
    if chosen:
        return str(chosen[0].get("href"))
    written = next((text_of(one) for one in links if text_of(one)), None)
    permanent = next(
        (text_of(one) for one in children(element, "guid") if one.get("isPermaLink", "true") == "true"), ""
    )
    return written or (permanent if permanent.startswith(("http://", "https://")) else None)


def _enclosures(element: Any) -> list[Any]:
    return [
        *children(element, "enclosure"),
        *(one for one in children(element, "link") if one.get("rel") == "enclosure"),
    ]


def _read_json(content: bytes) -> list[dict[str, Any]]:
    try:
        feed = json.loads(content)
        entries = [one for one in feed["items"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("it is no JSON Feed: it has no list 'items'") from None
    made = []
    for one in entries[:_MOST]:
        authors = one.get("authors") or [one.get("author")]
        names = [each.get("name") for each in authors if isinstance(each, dict)]
        entry = {
            "title": one.get("title"), "link": one.get("url") or one.get("external_url"), "id": one.get("id"),
            "published": one.get("date_published"), "updated": one.get("date_modified"), "author": next(iter(names), None),
            "summary": one.get("summary"), "content": one.get("content_html") or one.get("content_text"),
            "categories": one.get("tags"),
        }  # fmt: skip
        made.append({key: value for key, value in entry.items() if value})
    return made
