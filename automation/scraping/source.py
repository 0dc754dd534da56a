"""Where items come from: the keys of one source of a scrape.

Owns: the forms of start pages, sitemaps, feeds, queries, pagination, requests with a body, and detail pages.
Never: fetches or reads anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from automation.errors import JobFailed
from automation.net.guard import check_url
from automation.scraping.fields import AnyField, FieldRule
from automation.scraping.kinds import Duration, Selectors, Strict, Urls, one_or_many, wrong
from automation.scraping.selectors import AnySelector, ItemSelector, Selector, check_path, check_regex, short_form
from automation.text import nearest, printable

_BLANK = re.compile(r"\{(\w+)\}")
Where = Literal["query", "body"]


def _check_template(text: str) -> str:
    """An address with `{name}` in it. Raises ValueError when it can never become one."""
    if _BLANK.fullmatch(text):
        return text
    try:
        check_url(_BLANK.sub("x", text))
    except JobFailed as error:
        raise ValueError(str(error)) from None
    return text


UrlTemplate = Annotated[str, AfterValidator(_check_template)]


def fill(template: str, values: Mapping[str, Any]) -> str | None:
    """The address with these values in it, escaped; None where one is missing. `{url}` alone is taken as it is."""
    names = _BLANK.findall(template)
    if any(values.get(name) in (None, "") for name in names):
        return None
    if _BLANK.fullmatch(template):
        return str(values[names[0]])
    return _BLANK.sub(lambda found: quote(str(values[found[1]]), safe=""), template)


def blanks(template: str) -> list[str]:
    """The names that a template asks for."""
    return _BLANK.findall(template)


class Detail(Selector):
    """The page that completes the item, and what is read there."""

    url: UrlTemplate | None = Field(None, description="its address made of the item's fields: https://…/api/{id}")
    fields: dict[str, AnyField] = Field(min_length=1, description="values that this page adds")

    @model_validator(mode="after")
    def _one_way(self) -> Detail:
        if self.url is not None and not self.is_item_itself:
            raise ValueError("write url, or where the link stands, not both")
        return self


class NextParam(Strict):
    """Pages numbered by a parameter: the page as written first, then one more each time while there are items."""

    name: str = Field(min_length=1, description="in a JSON body a path, such as variables.page")
    first: int = Field(1, description="the number that the start page has")
    step: int = Field(1, ge=1, description="20 for an offset of 20 items a page")
    where: Where | None = Field(None, description="default: the body if the request has one, else the query")


class Cursor(Selector):
    """A mark on each page that asks for the next one; a page without it is the last."""

    name: str = Field(min_length=1, description="the parameter that takes it; in a JSON body a path")
    where: Where | None = Field(None, description="default: the body if the request has one, else the query")

    @model_validator(mode="after")
    def _has_place(self) -> Cursor:
        if self.is_item_itself:
            raise ValueError('say where the mark stands: json = "meta.next", css = "[data-next]@data-next"')
        return self


class Request(Strict):
    """How list pages are asked for."""

    method: Literal["GET", "POST"] | None = Field(None, description="default: POST with a body, else GET")
    form: dict[str, str] | None = Field(None, description="sent as a form")
    body: dict[str, Any] | None = Field(None, alias="json", description="sent as JSON")

    @model_validator(mode="after")
    def _one_body(self) -> Request:
        if self.form is not None and self.body is not None:
            raise ValueError("write form or json, not both")
        if self.method == "GET" and (self.form is not None or self.body is not None):
            raise ValueError("a GET has no body; leave method out, or write the parameters in the URL")
        return self


class Sitemap(Strict):
    """Pages that a sitemap lists; each is read as a list page."""

    url: Urls = Field(description="a sitemap, an index of sitemaps, or a robots.txt that names them")
    match: Annotated[str, AfterValidator(check_regex)] | None = Field(None, description="regex that addresses hold")
    newer_than: Duration | None = Field(None, description="leaves out pages that were last changed longer ago")


class ForQuery(Strict):
    """A page for each row of a query."""

    sql: str = Field(min_length=1, description="a SELECT; run once, before the first page")
    database: str | None = Field(None, description="a name from automation.toml, or a URL; default: data.db")
    params: dict[str, Any] = Field(default_factory=dict, description="values of :name in the query")
    url: UrlTemplate = Field(description="the page's address, with {column} where a value goes")


def _as_url(value: Any) -> Any:
    return {"url": value} if isinstance(value, (str, list)) else value


def _as_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Source(Strict):
    """Where pages come from, how the next one is found, and what stands on them."""

    start: Urls | None = Field(None, description="the first page, or several")
    sitemap: Annotated[Sitemap | None, BeforeValidator(_as_url)] = Field(
        None, description="pages that a sitemap lists: its URL, or a table"
    )
    feed: Urls | None = Field(None, description="RSS, Atom or JSON feeds; each entry is an item, read by json")
    for_query: ForQuery | None = Field(None, description="a page for each row of a query")
    request: Request | None = Field(None, description="list pages asked for by POST")
    follow: Selectors = Field((), description="links to further list pages")
    next_param: Annotated[NextParam | None, BeforeValidator(_as_name)] = Field(
        None, description="the parameter that numbers the pages"
    )
    cursor: Cursor | None = Field(None, description="the mark on a page that asks for the next one")
    html_in: Annotated[str, AfterValidator(check_path)] | None = Field(
        None, description="where a JSON answer holds the page's HTML: data.html"
    )
    detail: Annotated[Detail | None, BeforeValidator(short_form)] = Field(
        None, description="the link whose page completes the item, with its own fields"
    )
    items: Annotated[ItemSelector | None, BeforeValidator(short_form)] = Field(
        None, description="one match is one item; default: the page is one item"
    )
    fields: dict[str, AnyField] = Field(
        default_factory=dict, description="the values of an item, by the names of their columns"
    )

    @property
    def has_pages(self) -> bool:
        """Whether it says where to begin."""
        return bool(self.start or self.sitemap or self.feed or self.for_query)

    @property
    def own_fields(self) -> dict[str, FieldRule]:
        """The fields of list and detail pages together."""
        return {**self.fields, **(self.detail.fields if self.detail else {})}

    @property
    def selectors(self) -> Iterator[Selector]:
        """Everything that is looked for on its pages."""
        yield from self.own_fields.values()
        yield from self.follow
        yield from (one for one in (self.items, self.detail, self.cursor) if one is not None)

    @property
    def is_json(self) -> bool:
        """Whether list pages are JSON: items, or without them a field, are read from the page by `json` alone."""
        if self.html_in is not None:
            return True
        places = [self.items] if self.items else [rule for rule in self.fields.values() if not rule.source]
        return any(one.is_whole_json for one in places)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of its first pages, in small letters; those of a query only where its address names one."""
        urls = [*(self.start or ()), *(self.sitemap.url if self.sitemap else ()), *(self.feed or ())]
        if self.for_query and not _BLANK.search(urlsplit(self.for_query.url).netloc or "{x}"):
            urls.append(_BLANK.sub("x", self.for_query.url))
        return frozenset(check_url(url).host.lower() for url in urls)

    def misfits(self, place: tuple[str | int, ...]) -> Iterator[InitErrorDetails]:
        """What of this source does not fit together.

        Parameters
        ----------
        place: where the source stands in the parameters.
        """
        if not self.own_fields:
            yield wrong(place, 'fields is empty; name at least one: fields.title = "h1"')
        if self.next_param and any(self.next_param.name in urlsplit(url).fragment for url in self.start or ()):
            yield wrong((*place, "next_param"), "the start page has the parameter in its fragment, which is never sent")
        if self.next_param and self.cursor:
            yield wrong((*place, "cursor"), "write next_param or cursor, not both")
        if self.feed and self.items:
            yield wrong((*place, "feed"), "each entry of a feed is an item; give items to a source of its own")
        body = self.request is not None and (self.request.form is not None or self.request.body is not None)
        for name, rule in (("next_param", self.next_param), ("cursor", self.cursor)):
            if rule and rule.where == "body" and not body:
                yield wrong((*place, name, "where"), "the request has no body; write request.json or request.form")
        yield from self._blanks(place)

    def _blanks(self, place: tuple[str | int, ...]) -> Iterator[InitErrorDetails]:
        for name in blanks(self.detail.url or "") if self.detail else ():
            if name not in self.fields:
                meant = nearest(name, self.fields)
                hint = f"did you mean '{meant}'?" if meant else f"fields: {', '.join(self.fields) or 'none'}"
                yield wrong((*place, "detail", "url"), f"there is no field '{printable(name, 60)}'; {hint}")


AnySources = Annotated[tuple[Source, ...], BeforeValidator(one_or_many)]
__all__ = ["AnySelector", "AnySources", "Cursor", "Detail", "ForQuery", "NextParam", "Request", "Sitemap", "Source"]
