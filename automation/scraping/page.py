"""A fetched page, parsed, and what selectors find on it.

Owns: which reading of the page is used, its facts, what a selector finds from which place, and links made absolute.
Never: fetches, converts, or stores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Any
from urllib.parse import urljoin

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping import structured, tables
from automation.scraping.article import read_article
from automation.scraping.bounds import Bounds, Effort
from automation.scraping.lexbor import LexborReading
from automation.scraping.reading import Element, Reading, SoupReading
from automation.scraping.selectors import ItemSelector, Selector
from automation.scraping.soup import decode, make_soup
from automation.scraping.structured import Data
from automation.scraping.tree import TreeReading, grow
from automation.text import printable

#: A path from the root of a site in which nothing has to be changed.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+/?(?:\?[A-Za-z0-9_.~=&-]+)?(?:#[A-Za-z0-9_.~-]+)?")
_HOST_ENDS = re.compile(r"[/?#]")
#: A place that fields are read from; None stands for the whole page.
Scope = Element | Data | tables.Row | None
#: What a selector finds: elements, texts and attributes of an XPath, values of JSON, rows of tables.
Found = Element | str | Data | tables.Row
#: Of a page that is read for no job.
USUAL = Bounds.model_validate({})


@dataclass(frozen=True)
class Page:
    """A page as it is looked at.

    Parameters
    ----------
    url: the final one, after redirects.
    depth: how many links from a start page.
    moment: when it was fetched; dates such as "yesterday" are counted from it.
    row: of the query that led here; its columns are `row.NAME`.
    parser: `lxml` or `lexbor`.
    screenshot: of a page that was rendered, as PNG.
    bounds: how much of it is read.
    """

    url: str
    status: int
    depth: int
    charset: str
    html: str
    moment: datetime | None = None
    row: Mapping[str, Any] | None = None
    screenshot: bytes | None = None
    parser: str = "lxml"
    bounds: Bounds = USUAL

    @classmethod
    def of(
        cls, response: Response, depth: int, row: Mapping[str, Any] | None = None, parser: str = "lxml",
        bounds: Bounds = USUAL,
    ) -> Page:  # fmt: skip
        """The decoded page of an answer."""
        charset, text = decode(response.content, response.headers.get("content-type"))
        clean, picture = text.replace("\x00", ""), getattr(response, "screenshot", None)
        return cls(
            response.url,
            response.status_code,
            depth,
            charset,
            clean,
            response.received_at,
            row,
            picture,
            parser,
            bounds,
        )

    @cached_property
    def reading(self) -> Reading:
        """The parsed page: by the fast way where it gives the same answers as BeautifulSoup, else by BeautifulSoup.

        By Lexbor, where the job says so; it need not give the same answers. Raises JobFailed (DATA_INVALID) for a page
        beyond its bounds.
        """
        self.bounds.weigh(self.html, self.url, self.parser)
        if self.parser == "lexbor":
            return LexborReading(self.html)
        root = grow(self.html)
        # The tree may not lead back to the page: a cycle would keep it until the collector comes by, hundreds of pages later.
        reference = partial(_by_soup, self.html)
        return reference() if root is None else TreeReading(root, reference)

    @cached_property
    def effort(self) -> Effort:
        """What reading the page has cost since this was first asked for."""
        return Effort(self.bounds, len(self.html), self.url)

    @cached_property
    def base(self) -> str:
        """What relative links start from: `<base href>`, else the final URL."""
        found = self.reading.css("base[href]", self.reading.whole)
        try:
            base = urljoin(self.url, str(self.reading.attribute(found[0], "href")).strip()) if found else self.url
        except ValueError:
            return self.url
        return base if base.startswith(("http://", "https://")) else self.url

    @property
    def title(self) -> str | None:
        """The text of the title element."""
        found = self.reading.css("title", self.reading.whole)
        return self.reading.text(found[0]) if found else None

    @cached_property
    def data(self) -> Any:
        """The page read as JSON. Raises JobFailed (DATA_INVALID) when it is none."""
        try:
            return structured.read_json(self.html, printable(self.url, 200))
        except ValueError as error:
            hint = 'for JSON inside of HTML add css = "script#…", or read jsonld' if "<" in self.html[:200] else ""
            message = f"{error}; {hint}" if hint else str(error)
            raise JobFailed(message, FailureClass.DATA_INVALID, code="json") from error

    @cached_property
    def article(self) -> dict[str, str | None]:
        """The page's article: text, title, author, date, description. Raises JobFailed without the extra for it."""
        self.bounds.weigh(self.html, self.url, "lxml")
        return read_article(self.html, self.url)

    def select(self, selector: Selector, scope: Scope = None) -> list[Found]:
        """What the selector finds inside the scope, in order; XPath may find texts and attributes.

        Parameters
        ----------
        scope: a place of this page; the whole page when there is none.

        Raises ValueError when data inside of the page cannot be read, JobFailed when the page as a whole cannot.
        """
        if selector.css is not None and selector.path is None and not isinstance(scope, Data):
            return self.reading.css(selector.css, self._within(scope))
        if selector.jsonld is not None:
            return [*structured.in_objects(selector.jsonld, self._linked_data)]
        if isinstance(scope, Data):
            return self._in_data(selector, scope)
        if selector.path is not None and selector.is_whole_json:
            if scope is not None:
                raise ValueError("the item is no JSON; name the element that holds it by css or xpath")
            return [*structured.search(selector.path, self.data)]
        if selector.microdata is not None:
            return [*structured.in_objects(selector.microdata, structured.microdata(self.reading, self._within(scope)))]
        if isinstance(selector, ItemSelector) and selector.table is not None:
            found = self.reading.css(selector.table, self._within(scope))
            return [row for table in found for row in tables.rows(self.reading, table)]
        nodes = self._nodes(selector, scope)
        return [one for node in nodes for one in self._json_of(selector, node)] if selector.path else nodes

    def _in_data(self, selector: Selector, scope: Data) -> list[Found]:
        if selector.path is not None and selector.is_whole_json:
            return [*structured.search(selector.path, scope.value)]
        if selector.is_item_itself:
            return [scope]
        raise ValueError('the item is JSON; read its fields by json = "…"')

    def _nodes(self, selector: Selector, scope: Scope) -> list[Found]:
        if selector.css is not None:
            return self.reading.css(selector.css, self._within(scope))
        if selector.xpath is not None:
            return self._xpath(selector.xpath, self._within(scope))
        return [self._within(scope)]

    def _json_of(self, selector: Selector, node: Found) -> list[Data]:
        """What the path finds in the JSON that an element or an attribute holds."""
        if not isinstance(node, str):
            read = self.reading.attribute(node, selector.attr) if selector.attr else self.reading.raw(node)
            node = read if read is not None else ""
        return (
            structured.search(str(selector.path), structured.read_json(node, "what was found")) if node.strip() else []
        )

    def _within(self, scope: Scope) -> Element:
        if scope is None:
            return self.reading.whole
        return scope.element if isinstance(scope, tables.Row) else scope

    @cached_property
    def _linked_data(self) -> list[Any]:
        return structured.linked_data(self.reading)

    def absolute(self, link: str) -> str | None:
        """A link made absolute; None for one that is not of the web (mailto:, javascript:, a broken one)."""
        if _PLAIN_PATH.fullmatch(link) and (origin := self._origin):
            return origin + link
        return _joined(self.base, link)

    @cached_property
    def _origin(self) -> str | None:
        """What stands before a path of the site; None where it is not to be had."""
        scheme, mark, rest = self.base.partition("://")
        return _origin_of(f"{scheme}{mark}{_HOST_ENDS.split(rest, 1)[0]}")

    def _xpath(self, expression: str, scope: Element) -> list[Found]:
        from lxml import etree

        try:
            return self.reading.xpath(expression, scope)
        except etree.XPathError as error:
            raise JobFailed(
                f"The XPath '{printable(expression, 80)}' failed: {error}", FailureClass.CONFIG, code="xpath"
            ) from error


def _joined(base: str, link: str) -> str | None:
    from w3lib.url import safe_url_string

    cleaned = "".join(char for char in link.strip() if char not in "\t\r\n")
    path, mark, rest = cleaned.partition("?")
    try:
        joined = urljoin(base, path.replace("\\", "/") + mark + rest)
        return safe_url_string(joined) if joined.startswith(("http://", "https://")) else None
    except (ValueError, UnicodeError):
        return None


@lru_cache(maxsize=256)  # the pages of a crawl are of few sites
def _origin_of(site: str) -> str | None:
    found = _joined(site, "/.")
    return found.removesuffix("/") if found else None


def _by_soup(html: str) -> SoupReading:
    return SoupReading(make_soup(html))
