"""The keys of what a page is read from: as it came or as a browser shows it, by which parser.

Owns: their names and defaults. Never: starts a browser.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from automation.scraping.kinds import Strict


class Browsing(Strict):
    """Whether pages are shown by a browser before they are read, and what reads them."""

    render: bool | Literal["auto"] = Field(
        False, description='let Chromium run the scripts of each page; "auto": of those that lack the items without'
    )
    wait_for: str | None = Field(
        None, min_length=1, description="of rendered pages: a CSS selector that has to match first"
    )
    parser: Literal["lxml", "lexbor"] = Field(
        "lxml", description="lexbor is faster, reads by HTML5's rules and no XPath, and need not find the same"
    )
