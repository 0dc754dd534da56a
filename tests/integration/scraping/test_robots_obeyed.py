"""robots.txt of a real server, and what it does to a run."""

from __future__ import annotations

import pytest

from automation.errors import FailureClass, JobFailed

PAGE = '<article><h3>{}</h3></article><a class=n href="/private/1">n</a><a class=n href="/jump">n</a>'
BOOKS = {"items": "article", "fields": {"title": "h3"}, "follow": "a.n", "robots": True, "table": "t"}


@pytest.fixture
def shop(site):
    """A start page with links to a private page and to a redirect there."""
    site.page("/", PAGE.format("one"))
    site.page("/private/1", PAGE.format("secret"))
    site.page("/jump", status=302, headers={"Location": "/private/2"})
    site.page("/private/2", PAGE.format("secret"))
    return site


def fetched(site):
    return [path for _, path, _, _ in site.asked]


def test_disallowed_pages_are_not_fetched_also_not_by_redirect(shop, scrape):
    """The rules hold for links and for where redirects lead."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /private/")

    result = scrape(**BOOKS)

    assert result["skipped_by_robots"] == 2
    assert fetched(shop) == ["/robots.txt", "/", "/jump"]


def test_a_disallowed_start_fails_with_the_way_out(shop, scrape):
    """The run says that robots.txt stands in the way."""
    shop.page("/robots.txt", "User-agent: automation\nDisallow: /")

    with pytest.raises(JobFailed, match=r"robots = false") as caught:
        scrape(**BOOKS)

    assert (caught.value.failure_class, caught.value.code) == (FailureClass.BLOCKED, "robots")
    assert fetched(shop) == ["/robots.txt"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_no_robots_file_allows_all(shop, scrape, status):
    """4xx means that there are no rules (RFC 9309, 2.3.1.3)."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /", status=status)

    assert scrape(**BOOKS)["pages"] == 3


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {"Retry-After": "3000"}])
def test_an_unreachable_robots_file_forbids_all(shop, scrape, headers):
    """5xx means that nothing may be fetched until the file can be had (RFC 9309, 2.3.1.4); the run may be tried again."""
    shop.page("/robots.txt", status=503, headers=headers)

    with pytest.raises(JobFailed, match=r"robots\.txt cannot be had") as caught:
        scrape(**BOOKS)

    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSPORT, "robots:unreachable")
    assert set(fetched(shop)) == {"/robots.txt"}


def test_a_robots_file_behind_redirects_counts(shop, scrape):
    """Its redirects are followed; more than five are no file at all."""
    shop.page("/robots.txt", status=301, headers={"Location": "/r"})
    shop.page("/r", "User-agent: *\nDisallow: /private/")
    assert scrape(**BOOKS)["skipped_by_robots"] == 2

    shop.page("/r", status=301, headers={"Location": "/robots.txt"})
    assert scrape(**BOOKS)["skipped_by_robots"] == 0


def test_only_the_first_half_megabyte_counts(shop, scrape):
    """A robots.txt of any size is read to 512 kB and no further."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /private/\n" + "# filler\n" * 200_000 + "Disallow: /\n")

    assert scrape(**BOOKS)["skipped_by_robots"] == 2


def test_the_file_is_asked_for_once_a_host(shop, scrape):
    """It is kept for the run; robots = false does not ask at all."""
    shop.page("/robots.txt", "")
    scrape(**BOOKS)
    assert fetched(shop).count("/robots.txt") == 1

    shop.asked.clear()
    scrape(**{**BOOKS, "robots": False})
    assert "/robots.txt" not in fetched(shop)


def test_the_file_is_asked_for_once_a_day(shop, scrape, tmp_path):
    """A job of every minute does not ask for it each time, and obeys it all the same."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /private/")
    for run_id in ("r1", "r2"):
        assert scrape(**BOOKS, cache_folder=tmp_path / "kept", run_id=run_id)["skipped_by_robots"] == 2

    assert fetched(shop).count("/robots.txt") == 1


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, "", {"Cache-Control": "no-store"}),
        (200, "", {"Cache-Control": "max-age=0"}),
        (200, "<html>one moment</html>", {}),
        (403, "", {}),
    ],
)
def test_what_may_be_another_file_soon_is_asked_for_again(shop, scrape, tmp_path, status, body, headers):
    """The server may say so; a refusal and a page in its place are not what it has."""
    shop.page("/robots.txt", body, status=status, headers=headers)
    for run_id in ("r1", "r2"):
        scrape(**BOOKS, cache_folder=tmp_path / "kept", run_id=run_id)

    assert fetched(shop).count("/robots.txt") == 2
