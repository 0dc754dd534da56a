"""Bytes and text → a parsed page.

Owns: the charset in a browser's order, and the one way in which HTML is parsed.
Never: fetches anything; knows what is looked for.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bs4 import BeautifulSoup


def make_soup(page: str | bytes, content_type: str | None = None) -> BeautifulSoup:
    """BeautifulSoup on lxml; bytes are decoded in the order BOM, header, meta, UTF-8, Windows-1252.

    Parameters
    ----------
    content_type: the header of that name, where there is one.
    """
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

    text = decode(page, content_type)[1] if isinstance(page, bytes) else page
    with warnings.catch_warnings():
        # A page is never taken for a file name, and XML read as HTML is what browsers do too.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(text.replace("\x00", ""), "lxml")


def soup_of(page: Any) -> BeautifulSoup:
    """The same for whatever stands for a page: text, bytes, an answer with its headers, a page of a crawl."""
    if isinstance(page, (str, bytes)):
        return make_soup(page)
    if hasattr(page, "html"):
        page.bounds.weigh(page.html, page.url, "lxml")
        return make_soup(page.html)
    return make_soup(page.content, page.headers.get("content-type"))


def decode(content: bytes, content_type: str | None = None) -> tuple[str, str]:
    """The charset found and the text; a byte that does not fit becomes U+FFFD, never an exception."""
    from w3lib.encoding import html_body_declared_encoding, html_to_unicode, http_content_type_encoding, read_bom

    if read_bom(content)[0] is None and http_content_type_encoding(content_type) is None:
        declared = html_body_declared_encoding(content)
        if declared and declared.startswith(("utf-16", "utf-32")):
            # The declaration could be read as ASCII, so the page is not in that charset; browsers take UTF-8.
            return "utf-8", content.decode("utf-8", "replace")
    charset, text = html_to_unicode(content_type, content, auto_detect_fun=_guess)
    return charset, text


def _guess(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
