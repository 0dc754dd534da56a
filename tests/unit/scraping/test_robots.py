"""robots.txt, row by row of RFC 9309."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.clock import FrozenClock
from automation.net import Response
from automation.net.cache import PageCache
from automation.scraping.robots import Robots, parse, product_token

US = "automation"


def allowed(text, path="/page", token=US):
    return parse(text.encode(), token).allows(f"https://x.example{path}")


@pytest.mark.parametrize(
    ("text", "path", "answer"),
    [
        ("", "/page", True),
        ("User-agent: *\nDisallow: /", "/page", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("User-agent: *\nDisallow:", "/page", True),
        ("Disallow: /", "/page", True),
        ("user-AGENT: AUTOMATION\ndisALLOW: /page", "/page", False),
        ("User-agent: auto\nDisallow: /", "/page", True),
        ("User-agent: automation2\nDisallow: /", "/page", False),
        ("User-agent: automationx\nDisallow: /", "/page", True),
        ("User-agent: automation/1.0 (x)\nDisallow: /", "/page", False),
        ("User-agent: *\nDisallow: /\nUser-agent: automation\nAllow: /", "/page", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: automation\nDisallow:", "/page", True),
        ("User-agent: *\nAllow: /\nUser-agent: other\nUser-agent: automation\nDisallow: /", "/page", False),
        (
            "User-agent: automation\nDisallow: /a\nUser-agent: x\nDisallow: /\nUser-agent: automation\nDisallow: /b",
            "/b",
            False,
        ),
        (
            "User-agent: automation\nDisallow: /a\nUser-agent: x\nDisallow: /\nUser-agent: automation\nDisallow: /b",
            "/c",
            True,
        ),
        ("User-agent: *\n\n\nDisallow: /", "/page", False),
        ("User-agent: other\nCrawl-delay: 5\nUser-agent: automation\nDisallow: /", "/page", False),
        ("User-agent: other\nSitemap: https://x.example/s\nUser-agent: automation\nDisallow: /", "/page", False),
        ("User-agent: other\nNonsense: 5\nUser-agent: automation\nDisallow: /", "/page", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a/b", "/a/b/c", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /page", "/Page", True),
        ("User-agent: *\nDisallow: /page", "/pages", False),
        ("User-agent: *\nDisallow: /page$", "/pages", True),
        ("User-agent: *\nDisallow: /page$", "/page", False),
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php?x", True),
        ("User-agent: *\nDisallow: /*.php", "/a/b.php?x", False),
        ("User-agent: *\nDisallow: *a*b", "/xaxb", False),
        ("User-agent: *\nDisallow: /foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("User-agent: *\nDisallow: /foo/bar/%E3%83%84", "/foo/bar/ツ", False),
        ("User-agent: *\nDisallow: /a%3cd", "/a%3Cd", False),
        ("User-agent: *\nDisallow: /~joe", "/%7Ejoe", False),
        ("User-agent: *\nDisallow: /?q=", "/?q=1", False),
        ("User-agent: * # all\nDisallow: / # everything", "/page", False),
        ("User-agent: *\rDisallow: /\r", "/page", False),
        ("User-agent: *\r\nDisallow: /\r\n", "/page", False),
        ("\ufeffUser-agent: *\nDisallow: /", "/page", False),
        ("User-agent *\nDisallow /", "/page", False),
        ("User-agent : *\nDisallow : /page", "/page", False),
        ("User-agent: *\nDissallow: /page", "/page", False),
        ("<html><body>User-agent: *<br>Disallow: /</body></html>", "/page", True),
        ("User-agent: *\nDisallow: /page\x00", "/page", True),
    ],
)
def test_each_row_of_the_standard(text, path, answer):
    """Groups, precedence, wildcards, escapes, line ends and what is not understood."""
    assert allowed(text, path) is answer


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 5", 5.0),
        ("User-agent: *\nCrawl-delay: 0.5", 0.5),
        ("User-agent: *\nCrawl-delay: 86400", 60.0),
        ("User-agent: *\nCrawl-delay: -1", None),
        ("User-agent: *\nCrawl-delay: soon", None),
        ("User-agent: *\nCrawl-delay: 5\nUser-agent: automation\nDisallow: /x", None),
        ("User-agent: *\nDisallow: /y\nCrawl-delay: 5\nUser-agent: automation\nDisallow: /x", None),
        ("User-agent: automation\nCrawl-delay: 2\nDisallow: /x", 2.0),
    ],
)
def test_the_delay_of_our_group_is_kept_up_to_a_minute(text, delay):
    """Crawl-delay is no part of the standard and is honoured all the same."""
    assert parse(text.encode(), US).delay == delay


@pytest.mark.parametrize(
    ("agent", "token"),
    [
        ("automation/0.1 (+https://x.example)", "automation"),
        ("Mozilla/5.0 (compatible; FooBot/2.1; +http://foo.example)", "foobot"),
        ("shop-watch", "shop-watch"),
        ("(odd)", "automation"),
    ],
)
def test_the_product_token_is_the_name_before_the_version(agent, token):
    """Groups speak to the name, not to the whole header."""
    assert product_token(agent) == token


@given(st.binary(max_size=400))
def test_no_file_breaks_the_reader(content):
    """Whatever a server sends as robots.txt, there is an answer."""
    assert parse(content, US).allows("https://x.example/page") in (True, False)


def test_a_file_of_another_run_is_used_for_a_day(tmp_path):
    """Also by a run that began with a file of yesterday and goes on."""
    clock, asked = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC)), []

    async def fetch(url: str) -> Response:
        asked.append(url)
        return Response(200, httpx.Headers(), b"User-agent: *\nDisallow: /p", url, received_at=clock.now())

    def run() -> Robots:
        return Robots(fetch, "x", clock, PageCache(tmp_path, {}))

    def allows(robots: Robots) -> bool:
        return asyncio.run(robots.rules("https://x.example/page")).allows("https://x.example/page")

    assert not allows(run())
    clock.advance(hours=23)
    long = run()
    assert not allows(long)
    assert len(asked) == 1
    clock.advance(hours=2)
    assert not allows(long)
    assert not allows(run())
    assert len(asked) == 2
