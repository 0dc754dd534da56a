"""Sitemaps: the pages that a site says it has.

Owns: what a sitemap, an index of sitemaps, a list of addresses and a robots.txt name.
Never: fetches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from automation.scraping.markup import children, local, parse_xml, text_of, unzipped
from automation.text import printable

#: As the protocol has it; a file with more is cut, and that is said.
MOST = 50_000
#: An index that leads to an index that leads to … is no index.
DEEPEST = 3
_ROBOTS_LINE = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_DAY = 10


@dataclass
class SitemapFile:
    """What one file names.

    Parameters
    ----------
    pages: address and, where the file says it, the moment of the last change.
    sitemaps: further files.
    cut: whether it held more than is read.
    """

    pages: list[tuple[str, datetime | None]] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    cut: bool = False


def read_sitemap(content: bytes, most_bytes: int) -> SitemapFile:
    """Read a file: `urlset`, `sitemapindex`, a feed's links, lines of addresses, the sitemaps of a robots.txt.

    Raises ValueError for anything else.
    """
    content = unzipped(content, most_bytes)
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] != b"<":
        return _read_lines(content.decode("utf-8", "replace"))
    root = parse_xml(content)
    found = SitemapFile()
    kind = local(root)
    if kind not in ("urlset", "sitemapindex"):
        raise ValueError(f"it is no sitemap: its root is <{printable(kind, 40)}>, not <urlset> or <sitemapindex>")
    for entry in children(root, "url", "sitemap"):
        address = next((text_of(one) for one in children(entry, "loc")), "")
        if not address:
            continue
        if len(found.pages) + len(found.sitemaps) >= MOST:
            found.cut = True
            break
        if local(entry) == "sitemap":
            found.sitemaps.append(address)
        else:
            changed = next((moment(text_of(one)) for one in children(entry, "lastmod")), None)
            found.pages.append((address, changed))
    return found


def _read_lines(text: str) -> SitemapFile:
    named = _ROBOTS_LINE.findall(text)
    if named:
        return SitemapFile(sitemaps=named[:MOST], cut=len(named) > MOST)
    lines = [line.strip() for line in text.splitlines()]
    addresses = [line for line in lines if line.startswith(("http://", "https://"))]
    if not addresses:
        raise ValueError(f"it names no page and no sitemap; it begins '{printable(text.strip(), 40)}'")
    return SitemapFile([(one, None) for one in addresses[:MOST]], cut=len(addresses) > MOST)


def moment(text: str) -> datetime | None:
    """A moment as sitemaps write it, a day being its end; None for one that cannot be read."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if len(text.strip()) <= _DAY:
        found = found.replace(hour=23, minute=59)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
