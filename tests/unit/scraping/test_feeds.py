"""Sitemaps and feeds as strangers write them: kinds, broken ones, and those that are traps."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.scraping.feeds import read_feed
from automation.scraping.markup import parse_xml
from automation.scraping.sitemaps import MOST, read_sitemap

MAP = b"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc> https://x.example/a?b=1&amp;c=2 </loc><lastmod>2026-11-20</lastmod></url><url><loc>https://x.example/b</loc>
<lastmod>never</lastmod></url><url></url></urlset>"""
RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>News</title><item><title>A &amp; B&nbsp;&mdash; &copy;</title><link>https://x.example/1</link><pubDate>Sat, 21 Nov 2026 10:00:00 GMT</pubDate>
<dc:creator>Ada</dc:creator><description>&lt;p&gt;Short&lt;/p&gt;</description><content:encoded><![CDATA[<p>Long</p>]]></content:encoded>
<category>x</category><category>y</category><enclosure url="https://x.example/1.mp3"/></item>
<item><title>No link</title><guid>https://x.example/2</guid><pubDate>yesterday-ish</pubDate></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title type="html">One</title><id>urn:1</id>
<link rel="self" href="/s"/><link href="https://x.example/1"/><updated>2026-11-21T10:00:00Z</updated><author><name>Ada</name><email>a@b</email></author>
<category term="x"/></entry></feed>"""
JSON = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "https://x.example/1", "title": "One", "authors": [{"name": "Ada"}]}]}'


def test_pages_of_a_sitemap_have_the_moment_of_their_change():
    """A day counts to its end; a moment that cannot be read is none, and hides no page."""
    for content in (
        MAP,
        gzip.compress(MAP),
        b"\xef\xbb\xbf" + MAP,
        MAP.replace(b"http://www.sitemaps.org/schemas/sitemap/0.9", b"wrong"),
    ):
        assert read_sitemap(content, 10_000).pages == [
            ("https://x.example/a?b=1&c=2", datetime(2026, 11, 20, 23, 59, tzinfo=UTC)), ("https://x.example/b", None),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "pages", "sitemaps"),
    [
        (b"<sitemapindex><sitemap><loc>https://x.example/1.xml.gz</loc></sitemap></sitemapindex>", [], ["https://x.example/1.xml.gz"]),
        (b"User-agent: *\nDisallow: /a\nSitemap: https://x.example/s.xml\n", [], ["https://x.example/s.xml"]),
        (b"https://x.example/a\n\nhttps://x.example/b\n", ["https://x.example/a", "https://x.example/b"], []),
        (b"<urlset><url><loc>https://x.example/a</loc></url><url><loc>https://x.exa", ["https://x.example/a", "https://x.exa"], []),
    ],
)  # fmt: skip
def test_what_names_pages_is_read(content, pages, sitemaps):
    """An index, a robots.txt, lines of addresses, and a file that was cut off."""
    found = read_sitemap(content, 10_000)

    assert ([page for page, _ in found.pages], found.sitemaps) == (pages, sitemaps)


def test_a_sitemap_that_is_too_long_is_cut_and_says_so():
    """Fifty thousand addresses are what the protocol allows."""
    found = read_sitemap(b"<urlset>" + b"<url><loc>https://x.example/</loc></url>" * (MOST + 1) + b"</urlset>", 10_000)

    assert (len(found.pages), found.cut) == (MOST, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html><body>blocked</body></html>", "its root is <html>"),
        (b"nothing here", "it names no page"),
        (b"", "it names no page"),
        (gzip.compress(b"x" * 100_000), "more than 10.0 kB when unpacked"),
        (gzip.compress(MAP)[:-9], "without its end"),
        (b"\x1f\x8b\x08broken", "broken gzip"),
    ],
)
def test_what_is_no_sitemap_says_what_it_is(content, says):
    """A page for people, an empty file, a bomb, a file that was cut off."""
    with pytest.raises(ValueError, match=says):
        read_sitemap(content, 10_000)


@pytest.mark.parametrize("feed", [RSS, ATOM, JSON])
def test_an_entry_has_the_same_keys_in_every_kind_of_feed(feed):
    """RSS, Atom and JSON Feed name them otherwise."""
    entry = read_feed(feed.encode())[0]

    assert (entry["link"], entry["author"]) == ("https://x.example/1", "Ada")
    assert entry["title"] in ("A & B\xa0— ©", "One", "A & B — ©")


def test_what_a_feed_says_is_kept_as_it_says_it():
    """Content in CDATA, categories, an enclosure, a link that is only in the guid, a date that nobody can read."""
    first, second = read_feed(RSS.encode())

    assert (first["content"], first["summary"], first["categories"]) == ("<p>Long</p>", "<p>Short</p>", ["x", "y"])
    assert first["enclosure"] == "https://x.example/1.mp3"
    assert second == {
        "title": "No link",
        "id": "https://x.example/2",
        "link": "https://x.example/2",
        "published": "yesterday-ish",
    }


@pytest.mark.parametrize("content", [b"<html></html>", b'{"items": 1}', b"", b"plain"])
def test_what_is_no_feed_is_refused(content):
    """A page for people, other JSON, nothing."""
    with pytest.raises(ValueError, match="it is no"):
        read_feed(content)


@pytest.mark.parametrize(
    "inside",
    [
        '<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x SYSTEM "http://127.0.0.1:1/x">',
        '<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;', '<!ENTITY x "secret">',
        "".join(f'<!ENTITY {chr(98 + n)} "{"&" + chr(97 + n) + ";" * 1}{("&" + chr(97 + n) + ";") * 9}">' for n in range(12)),
    ],
)  # fmt: skip
def test_a_document_reads_no_file_and_expands_no_entity(inside):
    """Files, addresses, parameters, a billion laughs: what was to be put in is not there."""
    document = (
        f'<!DOCTYPE rss [<!ENTITY a "lol">{inside}]><rss><channel><item><title>T&x;&m;</title></item></channel></rss>'
    )

    title = read_feed(document.encode())[0].get("title", "")

    assert "root:" not in title
    assert len(title) < 20
    assert "secret" not in title


def test_no_other_parser_of_xml_is_made():
    """Everything that reads XML of strangers goes through the one that is safe."""
    package = Path(parse_xml.__code__.co_filename).parents[1]
    found = [
        path.name
        for path in package.rglob("*.py")
        if "XMLParser(" in path.read_text("utf-8") or "etree.fromstring" in path.read_text("utf-8")
    ]

    assert found == ["markup.py"]
