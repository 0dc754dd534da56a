"""Pages kept between runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.net.cache import Kept, PageCache, lifetime, may_be_kept
from automation.net.response import Response

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


def page(status=200, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, httpx.Headers(sent), b"<p>hello", "https://shop.example/", received_at=NOON)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (page(ETag='"1"'), True),
        (page(Last_Modified=DATE), True),
        (page(Cache_Control="max-age=60"), True),
        (page(), False),
        (page(ETag='"1"', Cache_Control="no-store"), False),
        (page(ETag='"1"', Vary="*"), False),
        (page(404, ETag='"1"'), False),
        (replace(page(ETag='"1"'), method="POST"), False),
        (replace(page(ETag='"1"'), history=("https://shop.example/old",)), False),
    ],
)
def test_only_whole_pages_that_can_be_asked_about_are_kept(answer, kept, tmp_path):
    """What a server forbids to keep, or never confirms, is not."""
    cache = PageCache(tmp_path, {})
    cache.keep(answer)

    assert may_be_kept(answer) is kept
    assert (cache.look("https://shop.example/") is not None) is kept


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "public, max-age=60"}, 60),
        ({"Cache-Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache-Control": "max-age=60, no-cache"}, 0),
        ({"Cache-Control": "max-age=60", "Expires": "0"}, 60),
        ({"Expires": "Sun, 01 Mar 2026 13:00:00 GMT", "Date": DATE}, 3600),
        ({"Expires": "Sun, 01 Mar 2026 11:00:00 GMT", "Date": DATE}, -3600),
        ({"Expires": "0"}, 0),
        ({"Cache-Control": "s-maxage=60"}, 0),
        ({}, 0),
    ],
)
def test_a_page_is_fresh_as_long_as_its_server_says(headers, seconds):
    """max-age before Expires, less the age that the answer had already."""
    assert lifetime(httpx.Headers(headers), NOON) == timedelta(seconds=seconds)


def test_a_page_comes_back_as_it_was_and_is_asked_about(tmp_path):
    """Content, headers and moment; its validators become questions; a 304 renews what it says."""
    PageCache(tmp_path, {}).keep(page(ETag='W/"1"', Last_Modified=DATE, Cache_Control="max-age=60", Set_Cookie="a=1"))
    kept = PageCache(tmp_path, {}).look("https://shop.example/")

    assert (kept.response.content, kept.response.received_at) == (b"<p>hello", NOON)
    assert "set-cookie" not in kept.response.headers
    assert kept.questions == {"If-None-Match": 'W/"1"', "If-Modified-Since": DATE}
    assert kept.fresh(NOON + timedelta(seconds=59))
    assert not kept.fresh(NOON + timedelta(seconds=60))
    later = replace(page(304, ETag='"2"'), received_at=NOON + timedelta(hours=1))
    renewed = Kept(kept.confirmed(later))
    assert (renewed.response.status_code, renewed.questions["If-None-Match"]) == (200, '"2"')
    assert renewed.fresh(NOON + timedelta(hours=1, seconds=30))


def test_other_credentials_get_other_pages(tmp_path):
    """What one user saw is not shown to another one."""
    PageCache(tmp_path, {"user": "me"}).keep(page(ETag='"1"'))

    assert PageCache(tmp_path, {"user": "you"}).look("https://shop.example/") is None


@given(st.binary(max_size=200))
def test_a_damaged_file_is_no_page(tmp_path_factory, noise):
    """Whatever stands there, the page is fetched anew."""
    folder = tmp_path_factory.mktemp("cache")
    cache = PageCache(folder, {})
    cache.keep(page(ETag='"1"'))
    next(folder.glob("*/*")).write_bytes(noise)

    assert cache.look("https://shop.example/") is None
