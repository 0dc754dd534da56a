"""The parameters of a scrape, as a TOML file writes them.

Owns: the names, defaults and limits; refusing what does not fit together and what is not there yet.
Never: fetches; resolves secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from automation.scraping.bounds import Bounds
from automation.scraping.browsing import Browsing
from automation.scraping.conditions import check_condition
from automation.scraping.fields import FieldRule
from automation.scraping.gates import Quality
from automation.scraping.kinds import (
    WRONG_NAME,
    Duration,
    Network,
    Strict,
    Texts,
    one_or_many,
    wrong,
)  # fmt: skip
from automation.scraping.manners import Manners
from automation.scraping.source import AnySources, Source
from automation.scraping.stop import StopLimits
from automation.text import nearest, printable

OWN_COLUMNS = ("first_seen", "last_seen", "changed_at", "gone_at", "run_id")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}")
_TABLE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,47}\.)?[A-Za-z_][A-Za-z0-9_]{0,47}")
_KEY_KINDS = ("text", "url", "int", "date", "bool")


class Auth(Strict):
    """Credentials for the hosts of `start`, and for no other."""

    user: str | None = Field(None, description="with password")
    password: str | None = Field(None, repr=False, description="take it from ${env:…}")
    bearer: str | None = Field(None, repr=False, description="a token, in place of user and password")

    @model_validator(mode="after")
    def _one_kind(self) -> Auth:
        if (self.bearer is None) == (self.user is None) or (self.user is None) != (self.password is None):
            raise ValueError("write user and password, or bearer")
        return self


class ScrapeParams(Source, Manners, Browsing, StopLimits, Bounds):
    """Fetch pages, read items from them, and keep them in a table that knows what is new and what changed."""

    sources: AnySources = Field((), description="further sources, each with pages, items and fields of its own")
    keep_if: str | None = Field(
        None, min_length=1, max_length=1000, description="keeps the items of which it is true: price < 50 and stock"
    )
    key: Texts = Field((), description="the fields that tell items apart; without it every run inserts all")
    table: str | None = Field(None, description="default: the job's name")
    database: str | None = Field(None, description="a name from automation.toml, or a URL; default: data.db")
    export: Annotated[tuple[Literal["csv", "jsonl", "parquet"], ...], BeforeValidator(one_or_many)] = Field(
        (), description="files of the run's items, kept as its artifacts"
    )
    new_columns: Literal["add", "refuse"] = Field(
        "add", description="what becomes of a table that lacks a field's column"
    )
    max_depth: int | None = Field(None, ge=0, description="links from a start page; 0 follows none")
    same_host: bool = Field(True, description="follow links only on the hosts of start")
    delay: Duration = Field(
        timedelta(seconds=1),
        description="the least time between two requests to one host",
        json_schema_extra={"default": "1s"},
    )
    concurrency: int = Field(1, ge=1, le=16, description="requests at once to one host")
    robots: bool = Field(True, description="obey robots.txt")
    user_agent: str | None = Field(
        None, min_length=1, pattern=r"^[\x20-\x7e]+$", description="default: automation, with its version"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="sent to the hosts of start")
    cookies: dict[str, str] = Field(default_factory=dict, description="sent to the hosts of start")
    auth: Auth | None = None
    allow_networks: Annotated[tuple[Network, ...], BeforeValidator(one_or_many)] = Field(
        (), description="CIDRs that may be reached although they are not public, on any port"
    )
    allow_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field((), description="ports besides 80 and 443")
    max_bytes: int = Field(10_000_000, ge=1, description="the largest page, decompressed")
    deadline: Duration = Field(
        timedelta(seconds=60), description="for one page, redirects included", json_schema_extra={"default": "1m"}
    )
    must_contain: Texts = Field((), description="texts that every list page must hold")
    expect: Literal["html", "any"] = Field("html", description="refuse pages that are no HTML")
    quality: Quality = Field(default_factory=lambda: Quality.model_validate({}))
    on_bad: Literal["fail", "keep_last", "warn"] = Field(
        "fail", description="what a missed quality does: fail, fail and store nothing, or only warn"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ScrapeParams:
        problems = [
            *self._sources(),
            *self._names(),
            *self._keys(),
            *self._coverage(),
            *self._condition(),
            *self._parser(),
            *self._spans(),
        ]
        if problems:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self

    @cached_property
    def every_source(self) -> tuple[Source, ...]:
        """Where items come from: what stands at the top, if it says where to begin, then `sources`."""
        return (*((self,) if self.has_pages else ()), *self.sources)

    @cached_property
    def all_fields(self) -> dict[str, FieldRule]:
        """The fields of list and detail pages of all sources together, in the order of their columns."""
        made: dict[str, FieldRule] = {}
        for source in (self, *self.sources):
            for name, rule in source.own_fields.items():
                made.setdefault(name, rule)
        return made

    @property
    def start_hosts(self) -> frozenset[str]:
        """The hosts of the first pages, in small letters."""
        return frozenset().union(*(source.hosts for source in self.every_source))

    def _sources(self) -> Iterator[InitErrorDetails]:
        if not self.every_source:
            yield wrong((), 'say where to begin: start = "https://…", sitemap, feed, for_query or sources')
        if self.own_fields and not self.has_pages:
            yield wrong(
                ("fields",),
                "there are fields and nothing that they are read from; write start, or move them to sources",
            )
        if self.has_pages:
            yield from self.misfits(())
        for number, source in enumerate(self.sources):
            place = ("sources", number)
            if not source.has_pages:
                yield wrong(place, 'say where it begins: start = "https://…", sitemap, feed or for_query')
            yield from source.misfits(place)
            for name, rule in source.own_fields.items():
                first = self.all_fields[name]
                if (first.type, first.many) != (rule.type, rule.many):
                    at = ("detail", "fields") if source.detail and name in source.detail.fields else ("fields",)
                    message = f"the column is of type {first.type}{' with many' * first.many} in another source"
                    yield wrong((*place, *at, name), message, WRONG_NAME)

    def _names(self) -> Iterator[InitErrorDetails]:
        if self.table is not None and not _TABLE.fullmatch(self.table):
            yield wrong(("table",), f"'{printable(self.table, 60)}': write letters, digits and _, at most 48")
        made: set[str] = set()
        for place, fields in self._groups():
            for name, rule in fields.items():
                column = name.lower()
                columns = {column, *([f"{column}_currency"] if rule.type == "money" and not rule.many else [])}
                columns |= {f"{column}_file"} if rule.download else set()
                if not _NAME.fullmatch(name):
                    message = f"field '{printable(name, 60)}': write letters, digits and _, at most 48"
                    yield wrong((*place, name), message, WRONG_NAME)
                elif column in OWN_COLUMNS:
                    message = f"field '{name}' is a column of our own; choose another name"
                    yield wrong((*place, name), message, WRONG_NAME)
                for taken in sorted(made & columns):
                    yield wrong((*place, name), f"two fields make the column '{taken}'; rename one", WRONG_NAME)
                made |= columns

    def _groups(self) -> Iterator[tuple[tuple[str | int, ...], dict[str, FieldRule]]]:
        """The fields of each place where some stand, without those that an earlier source has."""
        known: set[str] = set()
        for at, source in (((), self), *((("sources", number), one) for number, one in enumerate(self.sources))):
            yield (*at, "fields"), {name: rule for name, rule in source.fields.items() if name not in known}
            if source.detail:
                yield (
                    (*at, "detail", "fields"),
                    {name: rule for name, rule in source.detail.fields.items() if name not in known},
                )
            known |= set(source.own_fields)

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
            yield wrong(("key", number), message)

    def _coverage(self) -> Iterator[InitErrorDetails]:
        for key in ("coverage", "ranges", "patterns"):
            for name in getattr(self.quality, key):
                rule = self.all_fields.get(name)
                if rule is None:
                    message = f"'{printable(name, 60)}' is not a field; fields: {', '.join(self.all_fields)}"
                elif key == "ranges" and (rule.type not in ("int", "number", "money") or rule.many):
                    message = f"'{name}' is of type {rule.type}{' with many' * rule.many}; use int, number or money"
                else:
                    continue
                yield wrong(("quality", key, name), message, WRONG_NAME)

    def _condition(self) -> Iterator[InitErrorDetails]:
        columns = [
            *self.all_fields,
            *(f"{name}_currency" for name, rule in self.all_fields.items() if rule.type == "money"),
        ]
        try:
            if self.keep_if is not None:
                check_condition(self.keep_if, columns)
        except ValueError as error:
            yield wrong(("keep_if",), str(error))

    def _parser(self) -> Iterator[InitErrorDetails]:
        if self.parser == "lexbor" and any(one.xpath for source in self.every_source for one in source.selectors):
            yield wrong(("parser",), "lexbor reads no XPath; write css, or leave parser out")

    def _spans(self) -> Iterator[InitErrorDetails]:
        if self.deadline <= timedelta():
            yield wrong(("deadline",), "must be longer than 0s")
        if self.max_stale is not None and self.on_bad == "keep_last":
            yield wrong(
                ("max_stale",), 'goes with on_bad = "fail" or "warn": with "keep_last" the table is asked at the end'
            )
