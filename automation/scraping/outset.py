"""The first pages of a crawl, source by source.

Owns: start pages, sitemaps, feeds and the rows of a query as visits; what a sitemap leads to.
Never: fetches; runs a query itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.errand import Errand
from automation.scraping.extract import may_be_asked_for
from automation.scraping.selectors import regex_matches
from automation.scraping.sitemaps import DEEPEST, SitemapFile, read_sitemap
from automation.scraping.source import ForQuery, Source, fill
from automation.text import printable

Rows = Callable[[ForQuery], Iterable[Mapping[str, Any]]]
#: Address, errand, depth, number.
First = tuple[str, Errand, int, int]


def no_rows(asked: ForQuery) -> Iterable[Mapping[str, Any]]:
    """Where there is no database to ask. Raises JobFailed."""
    raise JobFailed(f"for_query: there is no database here to ask: {printable(asked.sql, 100)}", FailureClass.CONFIG)


def first_pages(sources: Iterable[Source], rows: Rows) -> Iterator[First]:
    """Where each source begins. Raises JobFailed when a row makes no address."""
    for number, source in enumerate(sources):
        body = _body(source)
        first = source.next_param.first if source.next_param else 0
        for url in source.start or ():
            yield url, Errand(number, body=body), 0, first
        for url in source.sitemap.url if source.sitemap else ():
            yield url, Errand(number, "sitemap"), 0, 0
        for url in source.feed or ():
            yield url, Errand(number, "feed"), 0, 0
        if source.for_query:
            yield from _from_rows(number, source.for_query, rows(source.for_query), body, first)


def _from_rows(
    number: int,
    asked: ForQuery,
    rows: Iterable[Mapping[str, Any]],
    body: dict[str, Any] | None,
    first: int,
) -> Iterator[First]:
    for row in rows:
        plain = {str(name): value for name, value in row.items()}
        url = fill(asked.url, plain)
        if url is None or not may_be_asked_for(url):
            shown = ", ".join(f"{name} = {value!r}" for name, value in plain.items())
            raise JobFailed(
                f"for_query: a row makes no address of '{printable(asked.url, 100)}': {printable(shown, 200)}; "
                "leave such rows out in the query",
                FailureClass.CONFIG,
                code="for_query",
            )
        kept = {
            name: value if isinstance(value, (str, int, float)) else None if value is None else str(value)
            for name, value in plain.items()
        }
        # A page that is gone fails no run: the next row has another.
        yield url, Errand(number, body=body, row=kept), 1, first


def _body(source: Source) -> dict[str, Any] | None:
    request = source.request
    if request is None:
        return None
    sent: dict[str, Any] = {"json": request.body} if request.body is not None else {}
    if request.form is not None:
        sent = {"data": dict(request.form)}
    return {"method": request.method or ("POST" if sent else "GET"), **sent}


def read_map(url: str, content: bytes, most_bytes: int) -> SitemapFile:
    """What a sitemap file leads to. Raises JobFailed when it is none."""
    try:
        found = read_sitemap(content, most_bytes)
    except ValueError as error:
        raise JobFailed(
            f"The sitemap {printable(url, 200)} cannot be read: {error}", FailureClass.DATA_INVALID, code="sitemap"
        ) from error
    return found


def beyond(source: Source, errand: Errand, depth: int, found: SitemapFile, now: datetime) -> Iterator[First]:
    """The pages and further sitemaps that a file names and the source wants."""
    wanted = source.sitemap
    if wanted is None:
        return
    if depth < DEEPEST:
        for address in found.sitemaps:
            if may_be_asked_for(address):
                yield address, Errand(errand.source, "sitemap"), depth + 1, 0
    for address, changed in found.pages:
        if wanted.match is not None and not _is_wanted(wanted.match, address):
            continue
        if wanted.newer_than is not None and changed is not None and now - changed > wanted.newer_than:
            continue
        if may_be_asked_for(address.partition("#")[0]):
            yield address, Errand(errand.source), depth + 1, source.next_param.first if source.next_param else 0


def _is_wanted(match: str, address: str) -> bool:
    try:
        return regex_matches(match, address)
    except ValueError as error:
        raise JobFailed(f"sitemap.match: {error}", FailureClass.DATA_INVALID, code="regex") from error
