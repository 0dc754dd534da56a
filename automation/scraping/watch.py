"""What somebody may say about a page to watch, and how its content is read for that.

Owns: the parameters, and the text, value, JSON or table that is compared.
Never: fetches; remembers or compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

import regex
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.extract import read_field
from automation.scraping.fields import AnyField
from automation.scraping.gates import Share
from automation.scraping.kinds import Duration, Network, Strict, Texts, Url, one_or_many
from automation.scraping.manners import Manners
from automation.scraping.page import Page
from automation.scraping.params import Auth
from automation.scraping.reading import BLOCKS
from automation.scraping.selectors import Selector, check_regex
from automation.scraping.soup import soup_of
from automation.scraping.values import Money
from automation.text import printable

_UNSEEN = ("script", "style", "noscript", "template", "head")


def _css(text: str) -> str:
    Selector.model_validate({"css": text})
    return text


Css = Annotated[str, AfterValidator(_css)]
Csses = Annotated[tuple[Css, ...], BeforeValidator(one_or_many)]
#: How long one regex may look at one line.
_REGEX_SECONDS = 1.0


class When(Strict):
    """What has to come true, one of them, for the run to succeed and its followers to run."""

    below: float | None = Field(None, description="the value is below this, and has changed")
    above: float | None = Field(None, description="the value is above this, and has changed")
    changed_by: Share | None = Field(None, description="the value, or the lines, changed by at least this share")
    appears: Texts = Field((), description="one of these texts is there, and was not")
    disappears: Texts = Field((), description="one of these texts was there, and is not")


class WatchParams(Manners):
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
            "allow_ports", "max_bytes",
        }  # fmt: skip
        return self.model_dump(include=names & self.model_fields_set)


def content_of(params: WatchParams, response: Response) -> str:
    """What is compared of a page, as text. Raises JobFailed (PARSE_DRIFT) when it does not have what is watched."""
    page = Page.of(response, 0)
    if params.value is not None:
        return _value(params, page)
    if params.compare == "json":
        return _json(params, page)
    lines = [*_lines(params, page)]
    return "\n".join(line for line in lines if line)


def _value(params: WatchParams, page: Page) -> str:
    try:
        value = read_field(params.value, page, None) if params.value else None
    except ValueError as error:
        raise _drift(page, str(error)) from error
    if value in (None, "", []):
        raise _drift(page, "the value is not there; look at its selector")
    if isinstance(value, Money):
        return f"{value.amount.normalize():f} {value.currency or ''}".strip()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _json(params: WatchParams, page: Page) -> str:
    try:
        found = json.loads(page.html)
    except (ValueError, RecursionError) as error:
        raise _drift(page, f"it is no JSON: {error}") from error
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    return "\n".join(line for line in text.splitlines() if line == _cut(params, page, line))


def _lines(params: WatchParams, page: Page) -> Iterator[str]:
    soup = soup_of(page)
    for selector in (*_UNSEEN, *params.ignore_selectors):
        for element in soup.select(selector):
            element.decompose()
    parts = [part for selector in params.select for part in soup.select(selector)] if params.select else [soup]
    if not parts:
        raise _drift(page, f"nothing matches {', '.join(params.select)}; look at the selector")
    for part in parts:
        rows = part.select("tr") if params.compare == "table" else []
        for row in rows:
            yield _clean(params, page, "\t".join(" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")))
        if params.compare == "text":
            for element in part.find_all(sorted(BLOCKS)):
                element.insert_before("\n")
                element.append("\n")
            for line in part.get_text("").split("\n"):
                yield _clean(params, page, " ".join(line.split()))


def _clean(params: WatchParams, page: Page, line: str) -> str:
    return _cut(params, page, line).strip(" ")


def _cut(params: WatchParams, page: Page, line: str) -> str:
    """The line without what is ignored. Raises JobFailed where that takes too long."""
    for pattern in params.ignore:
        page.effort.check()
        try:
            line = regex.sub(pattern, "", line, timeout=_REGEX_SECONDS)
        except TimeoutError:
            raise _drift(
                page,
                f"ignore '{printable(pattern, 60)}' took more than {_REGEX_SECONDS:g} s on a line of {len(line):,} characters; "
                "write a regex without a repetition inside of a repetition",
            ) from None
    return line


def _drift(page: Page, what: str) -> JobFailed:
    return JobFailed(f"{printable(page.url, 200)}: {what}", FailureClass.PARSE_DRIFT, code="parse_drift")
