"""What somebody may say about a page to watch, and how its content is read for that.

Owns: the parameters, and the text, value, JSON or table that is compared.
Never: fetches; remembers or compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import regex
from bs4 import Tag
from bs4.element import CData, NavigableString, PageElement
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.bounds import Bounds
from automation.scraping.extract import read_field
from automation.scraping.fields import AnyField
from automation.scraping.gates import Share
from automation.scraping.kinds import Duration, Network, Strict, Texts, Url, one_or_many
from automation.scraping.manners import Manners
from automation.scraping.page import Page
from automation.scraping.params import Auth
from automation.scraping.reading import BLOCKS
from automation.scraping.selectors import REGEX_SECONDS, Selector, check_regex
from automation.scraping.soup import soup_of
from automation.scraping.values import Money
from automation.text import printable

_TRY = 'automation try scrape URL --css "…"'
_UNSEEN = ("script", "style", "noscript", "template")


def _css(text: str) -> str:
    Selector.model_validate({"css": text})
    return text


Css = Annotated[str, AfterValidator(_css)]
Csses = Annotated[tuple[Css, ...], BeforeValidator(one_or_many)]


class When(Strict):
    """What has to come true, one of them, for the run to succeed and its followers to run."""

    below: float | None = Field(None, description="the value is below this, and has changed")
    above: float | None = Field(None, description="the value is above this, and has changed")
    changed_by: Share | None = Field(None, description="the value, or the lines, changed by at least this share")
    appears: Texts = Field((), description="one of these texts is there, and was not")
    disappears: Texts = Field((), description="one of these texts was there, and is not")


class WatchParams(Manners, Bounds):
    """Look at a page again and again, and tell when it changes."""

    url: Url
    value: AnyField | None = Field(None, description="one value, as a field of scrape: the price alone")
    select: Csses = Field((), description="CSS selectors of the parts to compare; default: the whole page")
    compare: Literal["text", "json", "table"] = Field("text", description="how the page is read and the change shown")
    ignore: Annotated[tuple[Annotated[str, AfterValidator(check_regex)], ...], BeforeValidator(one_or_many)] = Field(
        (), description="regular expressions; what matches is not compared"
    )
    ignore_selectors: Csses = Field((), description="CSS selectors of parts that are not compared")
    when: When = Field(default_factory=lambda: When.model_validate({}), description="default: any change")
    render: bool = Field(False, description="let Chromium run the scripts of the page first")
    wait_for: str | None = Field(
        None, min_length=1, description="of a rendered page: a CSS selector that has to match first"
    )
    versions: int = Field(20, ge=1, le=1000, description="how many earlier versions are kept")
    delay: Duration = Field(timedelta(seconds=1), json_schema_extra={"default": "1s"})
    robots: bool = True
    user_agent: str | None = Field(None, min_length=1)
    headers: dict[str, str] = Field(default_factory=dict)
    cookies: dict[str, str] = Field(default_factory=dict)
    auth: Auth | None = None
    allow_networks: Annotated[tuple[Network, ...], BeforeValidator(one_or_many)] = ()
    allow_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    max_bytes: int = Field(10_000_000, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> WatchParams:
        if self.value is not None and (self.select or self.compare != "text"):
            raise ValueError("write value, or select and compare, not both")
        if self.wait_for is not None and not self.render:
            raise ValueError("wait_for is for pages that scripts make: write render = true beside it")
        if self.value is None and (self.when.below is not None or self.when.above is not None):
            raise ValueError('below and above need one value: value = { css = ".price", type = "money" }')
        if self.value is not None and self.value.type not in ("int", "number", "money") and self._counts:
            raise ValueError(f'below, above and changed_by need a number: type = "money", not "{self.value.type}"')
        return self

    @property
    def _counts(self) -> bool:
        return any(bound is not None for bound in (self.when.below, self.when.above, self.when.changed_by))

    @property
    def kind(self) -> str:
        """How two versions are compared: `value`, `text`, `json` or `table`; JSON of which lines are left out is text."""
        if self.value is not None:
            return "value"
        return "text" if self.compare == "json" and self.ignore else self.compare

    @property
    def asking(self) -> dict[str, Any]:
        """What says how the page is fetched, by the names of `scrape`."""
        names = {
            *Manners.model_fields, "delay", "robots", "user_agent", "headers", "cookies", "auth", "allow_networks",
            "allow_ports", "max_bytes", "render", "wait_for",
        }  # fmt: skip
        return self.model_dump(include=names & self.model_fields_set)


def content_of(params: WatchParams, response: Response) -> str:
    """What is compared of a page, as text. Raises JobFailed (PARSE_DRIFT) when it does not have what is watched."""
    page = Page.of(response, 0, bounds=params)
    if params.value is not None:
        return _value(params, page)
    if params.compare == "json":
        return _json(params, page)
    lines = [line for line in _lines(params, page) if line]
    if not lines and not (params.select and params.compare == "text"):
        # Of parts that are selected, one may be empty now and then; a page of nothing is no page.
        found = "no row of a table is there" if params.compare == "table" else "the page holds no text"
        raise _drift(page, f"{found}; where scripts make it, write render = true, or watch the API that they ask")
    return "\n".join(lines)


def _value(params: WatchParams, page: Page) -> str:
    try:
        value = read_field(params.value, page, None) if params.value else None
    except ValueError as error:
        raise _drift(page, str(error)) from error
    if value in (None, "", []):
        raise _drift(page, f"the value is not there; {_TRY} shows what a selector finds")
    if isinstance(value, Money):
        return f"{value.amount.normalize():f} {value.currency or ''}".strip()
    if type(value) is float:
        # A number so small that Python writes it with an exponent would be read as another one.
        return f"{Decimal(repr(value)):f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _json(params: WatchParams, page: Page) -> str:
    try:
        text = json.dumps(json.loads(page.html), ensure_ascii=False, indent=1, sort_keys=True)
    except (ValueError, RecursionError) as error:
        raise _drift(page, f"it is no JSON: {error}") from error
    lines = (line for line in text.split("\n") if line == _cut(params, page, line))
    # JSON may hold halves of characters, which no database keeps.
    return "\n".join(lines).encode("utf-8", "replace").decode()


def _lines(params: WatchParams, page: Page) -> Iterator[str]:
    soup = soup_of(page)
    # Not the whole head: of a page that names no body, the parser leaves much of its content there.
    ignored = ("head > title", *params.ignore_selectors)
    for element in [*soup.find_all(_UNSEEN), *(one for selector in ignored for one in soup.select(selector))]:
        if not element.decomposed:
            element.decompose()
    parts = [part for selector in params.select for part in soup.select(selector)] if params.select else [soup]
    if not parts:
        raise _drift(page, f"nothing matches {', '.join(params.select)}; {_TRY} shows what a selector finds")
    for part in parts:
        for line in _rows(page, part) if params.compare == "table" else "".join(_texts(part)).split("\n"):
            page.effort.took(line)
            yield _cut(params, page, line if params.compare == "table" else " ".join(line.split())).strip(" ")


def _rows(page: Page, part: Tag) -> Iterator[str]:
    for row in part.select("tr"):
        page.effort.check()
        yield "\t".join(" ".join(cell.get_text(" ").split()) for cell in row.select("th, td"))


def _texts(part: Tag) -> Iterator[str]:
    """The texts below an element, and an end of a line wherever a block begins or ends."""
    walk: list[Iterator[PageElement]] = [iter(part.contents)]
    inside = [False]
    while walk:
        node = next(walk[-1], None)
        if node is None:
            walk.pop()
            yield "\n" if inside.pop() else ""
        elif isinstance(node, Tag):
            walk.append(iter(node.contents))
            inside.append(node.name in BLOCKS)
            yield "\n" if inside[-1] else ""
        elif type(node) in (NavigableString, CData):
            yield str(node)


def _cut(params: WatchParams, page: Page, line: str) -> str:
    """The line without what is ignored. Raises JobFailed where that takes too long."""
    for pattern in params.ignore:
        page.effort.check()
        try:
            line = regex.sub(pattern, "", line, timeout=REGEX_SECONDS)
        except TimeoutError:
            raise _drift(
                page,
                f"ignore '{printable(pattern, 60)}' took more than {REGEX_SECONDS:g} s on a line of {len(line):,} characters; "
                "write a regex without a repetition inside of a repetition",
            ) from None
    return line


def _drift(page: Page, what: str) -> JobFailed:
    return JobFailed(f"{printable(page.url, 200)}: {what}", FailureClass.PARSE_DRIFT, code="parse_drift")
