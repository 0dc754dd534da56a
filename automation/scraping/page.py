"""A fetched page, parsed, and what selectors find on it.

Owns: which reading of the page is used, its facts, and links made absolute.
Never: fetches, converts, or stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.reading import Element, Node, Reading, SoupReading
from automation.scraping.selectors import Selector
from automation.scraping.soup import decode, make_soup
from automation.scraping.tree import TreeReading, grow
from automation.text import printable


@dataclass(frozen=True)
class Page:
    """A page as it is looked at.

    Parameters
    ----------
    url: the final one, after redirects.
    depth: how many links from a start page.
    """

    url: str
    status: int
    depth: int
    charset: str
    html: str

    @classmethod
    def of(cls, response: Response, depth: int) -> Page:
        """The decoded page of an answer."""
        charset, text = decode(response.content, response.headers.get("content-type"))
        return cls(response.url, response.status_code, depth, charset, text.replace("\x00", ""))

    @cached_property
    def reading(self) -> Reading:
        """The parsed page: by the fast way where it gives the same answers as BeautifulSoup, else by BeautifulSoup."""
        root = grow(self.html)
        return self._by_soup() if root is None else TreeReading(root, self._by_soup)

    @cached_property
    def base(self) -> str:
        """What relative links start from: `<base href>`, else the final URL."""
        found = self.reading.css("base[href]", self.reading.whole)
        try:
            return urljoin(self.url, str(self.reading.attribute(found[0], "href")).strip()) if found else self.url
        except ValueError:
            return self.url

    @property
    def title(self) -> str | None:
        """The text of the title element."""
        found = self.reading.css("title", self.reading.whole)
        return self.reading.text(found[0]) if found else None

    def select(self, selector: Selector, scope: Element | None = None) -> list[Node]:
        """What the selector finds inside the scope, in document order; XPath may find texts and attributes.

        Parameters
        ----------
        scope: an element of this page; the whole page when there is none.
        """
        within = self.reading.whole if scope is None else scope
        if selector.css is not None:
            return self.reading.css(selector.css, within)
        if selector.xpath is not None:
            return self._xpath(selector.xpath, within)
        return [within]

    def absolute(self, link: str) -> str | None:
        """A link made absolute; None for one that is not of the web (mailto:, javascript:, a broken one)."""
        from w3lib.url import safe_url_string

        cleaned = "".join(char for char in link.strip() if char not in "\t\r\n")
        path, mark, rest = cleaned.partition("?")
        try:
            joined = urljoin(self.base, path.replace("\\", "/") + mark + rest)
            return safe_url_string(joined) if joined.startswith(("http://", "https://")) else None
        except (ValueError, UnicodeError):
            return None

    def _xpath(self, expression: str, scope: Element) -> list[Node]:
        from lxml import etree

        try:
            return self.reading.xpath(expression, scope)
        except etree.XPathError as error:
            raise JobFailed(
                f"The XPath '{printable(expression, 80)}' failed: {error}", FailureClass.CONFIG, code="xpath"
            ) from error

    def _by_soup(self) -> SoupReading:
        return SoupReading(make_soup(self.html))
