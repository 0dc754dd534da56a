"""The parameters of a scrape, as a TOML file writes them.

Owns: the names, defaults and limits; refusing what does not fit together and what is not there yet.
Never: fetches; resolves secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from automation.errors import JobFailed
from automation.net.guard import check_url, parse_network
from automation.scraping.selectors import AnyField, AnySelector, FieldRule, Selector, _short_form
from automation.text import nearest, parse_duration, printable

OWN_COLUMNS = ("first_seen", "last_seen", "changed_at", "run_id")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}")
_TABLE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,47}\.)?[A-Za-z_][A-Za-z0-9_]{0,47}")
#: The kind of an error whose place is the key, and not the value.
WRONG_NAME = "wrong_name"
_KEY_KINDS = ("text", "url", "int", "date", "bool")


def _later(_value: Any, info: ValidationInfo) -> Any:
    raise ValueError(f"'{info.field_name}' is not available yet; remove it")


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not a duration; write text such as "1s" or "500ms"')
    return parse_duration(value)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


def _wrong(place: tuple[str | int, ...], message: str, kind: str = "does_not_fit") -> InitErrorDetails:
    """What does not fit together, at its place."""
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=place, input=None)


def _url(text: str) -> str:
    try:
        check_url(text)
    except JobFailed as error:
        raise ValueError(str(error)) from None
    return text


def _network(text: str) -> str:
    return str(parse_network(text))


Later = Annotated[SkipJsonSchema[Any], BeforeValidator(_later)]
Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["1s"]})]
Url = Annotated[str, BeforeValidator(lambda value: _url(value) if isinstance(value, str) else value)]
Network = Annotated[str, BeforeValidator(lambda value: _network(value) if isinstance(value, str) else value)]
Urls = Annotated[tuple[Url, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Selectors = Annotated[tuple[AnySelector, ...], BeforeValidator(_one_or_many)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Detail(Selector):
    """The link whose page completes the item, and what is read there."""

    fields: dict[str, AnyField] = Field(min_length=1)


class NextParam(_Strict):
    """Pages numbered by a query parameter: the page as written first, then one more each time while there are items."""

    name: str = Field(min_length=1)
    first: int = Field(1, description="the number that the start page has")
    step: int = Field(1, ge=1)


class Auth(_Strict):
    """Credentials for the hosts of `start`, and for no other."""

    user: str | None = None
    password: str | None = Field(None, repr=False)
    bearer: str | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _one_kind(self) -> Auth:
        if (self.bearer is None) == (self.user is None) or (self.user is None) != (self.password is None):
            raise ValueError("write user and password, or bearer")
        return self


class Quality(_Strict):
    """What a run must yield to count as good."""

    min_items: int = Field(default=1, ge=0, description="0 lets a run without any item succeed")
    coverage: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=dict, description="field → the share of items that must have it"
    )
    max_drop: Later = None
    ranges: Later = None


class ScrapeParams(_Strict):
    """Fetch pages, read items from them, and keep them in a table that knows what is new and what changed."""

    start: Urls = Field(description="the first page, or several")
    follow: Selectors = Field((), description="links to further list pages")
    next_param: Annotated[
        NextParam | None, BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value)
    ] = Field(None, description="the query parameter that numbers the pages")
    detail: Annotated[Detail | None, BeforeValidator(_short_form)] = Field(
        None, description="the link whose page completes the item, with its own fields"
    )
    items: AnySelector | None = Field(None, description="one match is one item; default: the page is one item")
    fields: dict[str, AnyField] = Field(default_factory=dict)
    key: Texts = Field((), description="the fields that tell items apart; without it every run inserts all")
    table: str | None = Field(None, description="default: the job's name")
    database: str | None = Field(None, description="a name from automation.toml, or a URL; default: data.db")
    export: Annotated[tuple[Literal["csv", "jsonl"], ...], BeforeValidator(_one_or_many)] = ()
    max_pages: int = Field(1000, ge=1, description="list pages; detail pages are not counted")
    max_depth: int | None = Field(None, ge=0, description="links from a start page; 0 follows none")
    same_host: bool = Field(True, description="follow links only on the hosts of start")
    delay: Duration = Field(
        timedelta(seconds=1),
        description="the least time between two requests to one host",
        json_schema_extra={"default": "1s"},
    )
    concurrency: int = Field(1, ge=1, le=16, description="requests at once to one host")
    robots: bool = Field(True, description="obey robots.txt")
    user_agent: str | None = Field(None, min_length=1, pattern=r"^[\x20-\x7e]+$")
    headers: dict[str, str] = Field(default_factory=dict, description="sent to the hosts of start")
    cookies: dict[str, str] = Field(default_factory=dict, description="sent to the hosts of start")
    auth: Auth | None = None
    allow_networks: Annotated[tuple[Network, ...], BeforeValidator(_one_or_many)] = Field(
        (), description="CIDRs that may be reached although they are not public, on any port"
    )
    allow_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    max_bytes: int = Field(10_000_000, ge=1, description="the largest page, decompressed")
    deadline: Duration = Field(
        timedelta(seconds=60), description="for one page, redirects included", json_schema_extra={"default": "1m"}
    )
    must_contain: Texts = Field((), description="texts that every list page must hold")
    expect: Literal["html", "any"] = Field("html", description="refuse pages that are no HTML")
    quality: Quality = Quality()
    on_bad: Literal["fail", "warn"] = Field("fail", description="what a missed quality does to the run")

    sitemap: Later = None
    feed: Later = None
    for_query: Later = None
    keep_if: Later = None
    login: Later = None
    proxy: Later = None
    render: Later = None
    parser: Later = None

    @model_validator(mode="after")
    def _fits_together(self) -> ScrapeParams:
        problems = [*self._names(), *self._keys(), *self._coverage(), *self._spans()]
        if not self.all_fields:
            problems.append(_wrong((), 'fields is empty; name at least one: fields.title = "h1"'))
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self

    @property
    def all_fields(self) -> dict[str, FieldRule]:
        """The fields of list and detail pages together, in the order of their columns."""
        return {**self.fields, **(self.detail.fields if self.detail else {})}

    @property
    def start_hosts(self) -> frozenset[str]:
        """The hosts of the start pages, in small letters."""
        return frozenset(check_url(url).host.lower() for url in self.start)

    def _names(self) -> Iterator[InitErrorDetails]:
        if self.table is not None and not _TABLE.fullmatch(self.table):
            yield _wrong(("table",), f"'{printable(self.table, 60)}': write letters, digits and _, at most 48")
        made: set[str] = set()
        for place, fields in (
            (("fields",), self.fields),
            (("detail", "fields"), self.detail.fields if self.detail else {}),
        ):
            for name, rule in fields.items():
                column = name.lower()
                columns = {column, *([f"{column}_currency"] if rule.type == "money" and not rule.many else [])}
                if not _NAME.fullmatch(name):
                    message = f"field '{printable(name, 60)}': write letters, digits and _, at most 48"
                    yield _wrong((*place, name), message, WRONG_NAME)
                elif column in OWN_COLUMNS:
                    message = f"field '{name}' is a column of our own; choose another name"
                    yield _wrong((*place, name), message, WRONG_NAME)
                for taken in sorted(made & columns):
                    yield _wrong((*place, name), f"two fields make the column '{taken}'; rename one", WRONG_NAME)
                made |= columns

    def _keys(self) -> Iterator[InitErrorDetails]:
        for number, name in enumerate(self.key):
            rule = self.all_fields.get(name)
            if rule is None:
                meant = nearest(name, self.all_fields)
                fields = f"did you mean '{meant}'? Fields" if meant else "fields"
                message = f"'{printable(name, 60)}' is not a field; {fields}: {', '.join(self.all_fields)}"
            elif rule.many or rule.type not in _KEY_KINDS:
                message = f"'{name}' is of type {rule.type}{' with many' * rule.many}; use {', '.join(_KEY_KINDS)}"
            elif name in self.key[:number]:
                message = f"'{name}' stands here twice; remove one"
            else:
                continue
            yield _wrong(("key", number), message)

    def _coverage(self) -> Iterator[InitErrorDetails]:
        for name in self.quality.coverage:
            if name not in self.all_fields:
                message = f"'{printable(name, 60)}' is not a field; fields: {', '.join(self.all_fields)}"
                yield _wrong(("quality", "coverage", name), message, WRONG_NAME)

    def _spans(self) -> Iterator[InitErrorDetails]:
        if self.deadline <= timedelta():
            yield _wrong(("deadline",), "must be longer than 0s")
        if self.next_param and any(self.next_param.name in urlsplit(url).fragment for url in self.start):
            yield _wrong(("next_param",), "the start page has the parameter in its fragment, which is never sent")
