"""What a report's `[jobs.NAME.params]` may say.

Owns: names, defaults and limits of the parameters.
Never: runs anything.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from automation.rendering import check_source
from automation.rendering.locales import check_locale
from automation.rendering.wording import check_words
from automation.reports.blocks import BlockParams
from automation.reports.queries import Compare, QueryParams, Strict
from automation.text import nearest, printable

FORMATS = ("html", "pdf", "xlsx", "csv", "json", "md", "svg", "png")
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


_PLACE = re.compile(r"\{\{\s*(item|upstream)\b")
_CURRENCY = re.compile(r"([A-Z]{3})?")


def is_open(value: object) -> bool:
    """Whether a value holds `{{ item }}` or `{{ upstream.… }}`, which only the run can fill in."""
    return isinstance(value, str) and bool(_PLACE.search(value))


def _locale(name: str) -> str:
    return name if is_open(name) else check_locale(name)


def _currency(code: str) -> str:
    if not is_open(code) and not _CURRENCY.fullmatch(code):
        raise ValueError(f"'{printable(code, 40)}' is not a currency; write its code, such as EUR")
    return code


def _format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"'{printable(name, 60)}' is not a format; write {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    return name


def _condition(source: str) -> str:
    """An expression of Jinja2, without its braces. Raises ValueError."""
    if "{{" in source or "{%" in source:
        raise ValueError("write the expression without braces, such as queries.sales.first.revenue > 1000")
    check_source("{{ (" + source + ") }}")
    return source


Condition = Annotated[str, AfterValidator(_condition)]


class Threshold(Strict):
    """A state that is watched.

    Parameters
    ----------
    when: an expression over `queries`; true is *triggered*.
    title: what the report calls it.
    """

    when: Condition = Field(min_length=1, max_length=2000)
    title: str = ""


class Archive(Strict):
    """A folder in which reports are kept for people.

    Parameters
    ----------
    folder: in the project; each occurrence has a folder of its own there, and `latest` leads to the newest.
    keep: how many stay.
    link: where the folder is to be found on the web, for the feed.
    """

    folder: str = Field(min_length=1, max_length=200)
    keep: int = Field(default=50, ge=1, le=10_000)
    link: str = ""

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str) -> str:
        if folder.startswith(("/", "~")) or ".." in folder.replace("\\", "/").split("/") or "\x00" in folder:
            raise ValueError("write a folder inside of the project, such as reports/sales")
        return folder


class ReportParams(Strict):
    """The parameters of the `report` plugin.

    Parameters
    ----------
    title: a Jinja2 string; `nominal_time`, `window` and `job` are there.
    queries: shown in the order in which they stand.
    blocks: what the report shows; default: each query as figures, or as chart and table.
    sources: jobs whose data this is; the report says of when they are, and what failed since.
    compare: `previous`, `year` or a duration: that period's figures stand beside these.
    send_if: an expression over `queries`; where it is false, the run is skipped.
    thresholds: states that are watched; `send_when` may wait for one.
    only_changes: show only rows that are new, changed or gone since the report before.
    if_empty: what to do when no query gave anything: send the report, skip this run, or fail.
    if_unchanged: what to do when the data are those of the report before.
    max_rows: of one query on a page; a report that leaves rows out says so.
    max_export: of one query in a file.
    template: a file of `templates/`; the shipped `report.html` is the default.
    timezone: in which moments are shown.
    locale: the language of numbers and dates; default: plain, with ISO dates.
    currency: for columns shown as money, such as EUR.
    words: what the report says by itself, over the words of its language, by their keys.
    data_of: a run whose stored data are rendered again, in place of asking.
    """

    title: Annotated[str, AfterValidator(check_source)] = Field(min_length=1, max_length=500)
    queries: dict[Name, QueryParams] = Field(min_length=1, max_length=50)
    description: Annotated[str, AfterValidator(check_source)] = ""
    blocks: list[BlockParams] = Field(default=[])
    sources: list[str] = Field(default=[])
    compare: Compare = ""
    send_if: Condition = ""
    thresholds: dict[Name, Threshold] = Field(default={})
    send_when: Literal["always", "triggered", "changed"] = "always"
    only_changes: bool = False
    template: str = "report.html"
    formats: list[Annotated[str, AfterValidator(_format)]] = Field(default=["html", "csv"], min_length=1)
    archive: Archive | None = None
    if_empty: Literal["send", "skip", "fail"] = "send"
    if_unchanged: Literal["send", "skip"] = "send"
    max_rows: int = Field(default=10_000, ge=1, le=1_000_000)
    max_export: int = Field(default=1_000_000, ge=1, le=100_000_000)
    timezone: str = "UTC"
    locale: Annotated[str, AfterValidator(_locale)] = ""
    currency: Annotated[str, AfterValidator(_currency)] = ""
    date_format: str = Field(default="", max_length=50)
    datetime_format: str = Field(default="", max_length=50)
    words: Annotated[dict[str, str | dict[str, str]], AfterValidator(check_words)] = Field(default={})
    data_of: str = ""

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: list[str]) -> list[str]:
        return list(dict.fromkeys(formats))

    @field_validator("timezone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        if is_open(zone):
            return zone
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{zone}' is not a time zone; write a name such as Europe/Madrid") from None
        return zone

    @model_validator(mode="after")
    def _known_queries(self) -> ReportParams:
        for number, block in enumerate(self.blocks):
            if block.query is not None and block.query not in self.queries:
                meant = nearest(block.query, self.queries)
                hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(self.queries)}"
                raise ValueError(f"blocks[{number}]: there is no query '{printable(block.query, 60)}'; {hint}")
        if self.send_when != "always" and not self.thresholds:
            raise ValueError(f'send_when = "{self.send_when}" waits for a threshold; set thresholds.NAME')
        return self
