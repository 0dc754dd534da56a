"""What a report's `[jobs.NAME.params]` may say.

Owns: names, defaults and limits of the parameters.
Never: runs anything.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from automation.rendering import check_source
from automation.reports.statement import READING, first_word
from automation.text import parse_duration, printable

RESERVED = ("nominal_time", "window_start", "window_end")
Format = Literal["text", "number", "money", "percent", "date", "datetime", "duration", "bytes"]
Scalar = bool | int | float | datetime | date | time | str
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


def _span(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _format(name: str) -> str:
    if name in ("pdf", "xlsx", "md"):
        raise ValueError(f"'{name}' is not available yet; write html or csv")
    if name not in ("html", "csv"):
        raise ValueError(f"'{printable(name, 60)}' is not a format; write html or csv")
    return name


Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "examples": ["60s", "5m"]})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnParams(_Strict):
    """How one column is shown.

    Parameters
    ----------
    title: in place of the column's name.
    format: how values are written; default: by their type.
    digits: after the decimal point.
    total: the column's sum stands below the table.
    """

    title: str = ""
    format: Format | None = None
    digits: int | None = Field(default=None, ge=0, le=12)
    total: bool = False


class SourceParams(_Strict):
    """A query and its limits.

    Parameters
    ----------
    database: a name of automation.toml or an SQLAlchemy URL; default: the project's `data.db`.
    sql: one statement that reads, with `:name` for values.
    params: the values; `:window_start`, `:window_end` and `:nominal_time` are there always, in UTC.
    time_limit: the database stops the query after it.
    """

    database: str | None = None
    sql: str = Field(min_length=1, max_length=100_000)
    params: dict[str, Scalar | list[Scalar]] = {}
    time_limit: Span = timedelta(seconds=60)

    @field_validator("sql")
    @classmethod
    def _reads(cls, sql: str) -> str:
        word = first_word(sql)
        # A MySQL comment may begin with '#'; the run, which knows the database, looks again.
        if word not in READING and not sql.lstrip().startswith("#"):
            raise ValueError(f"begins with {word or 'no word'}; a query only reads: begin it with SELECT or WITH")
        return sql

    @field_validator("params")
    @classmethod
    def _not_reserved(cls, params: dict[str, Any]) -> dict[str, Any]:
        taken = [f"'{name}'" for name in RESERVED if name in params]
        if len(taken) == 1:
            raise ValueError(f"{taken[0]} is set by the run; choose another name")
        if taken:
            raise ValueError(f"{' and '.join(taken)} are set by the run; choose other names")
        return params

    @field_validator("time_limit")
    @classmethod
    def _bounded(cls, span: timedelta) -> timedelta:
        if not timedelta(milliseconds=10) <= span <= timedelta(hours=6):
            raise ValueError("write a duration from 10ms to 6h")
        return span


class QueryParams(SourceParams):
    """One query of a report, and how its answer is shown.

    Parameters
    ----------
    columns: how columns are shown, by name.
    chart: `auto` draws one where there is one label and one number a row.
    chart_value: the column to draw.
    """

    title: str = ""
    description: str = ""
    columns: dict[str, ColumnParams] = {}
    chart: Literal["auto", "bar", "line", "none"] = "auto"
    chart_value: str | None = None


class ReportParams(_Strict):
    """The parameters of the `report` plugin.

    Parameters
    ----------
    title: a Jinja2 string; `nominal_time`, `window` and `job` are there.
    queries: shown in the order in which they stand.
    template: a file of `templates/`; the shipped `report.html` is the default.
    if_empty: what to do when no query gave anything: send the report, skip this run, or fail.
    max_rows: of one query; a report that leaves rows out says so.
    timezone: in which moments are shown.
    currency: for columns shown as money, such as EUR.
    """

    title: Annotated[str, AfterValidator(check_source)] = Field(min_length=1, max_length=500)
    queries: dict[Name, QueryParams] = Field(min_length=1, max_length=50)
    description: Annotated[str, AfterValidator(check_source)] = ""
    template: str = "report.html"
    formats: list[Annotated[str, AfterValidator(_format)]] = Field(default=["html", "csv"], min_length=1)
    if_empty: Literal["send", "skip", "fail"] = "send"
    max_rows: int = Field(default=10_000, ge=1, le=1_000_000)
    timezone: str = "UTC"
    currency: str = Field(default="", pattern=r"^([A-Z]{3})?$")

    @model_validator(mode="wrap")
    @classmethod
    def _available(cls, data: Any, handler: Any) -> Any:
        return refuse_unavailable(cls.__name__, data, handler, ("sources", "blocks", "compare", "send_if", "locale"))

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: list[str]) -> list[str]:
        return list(dict.fromkeys(formats))

    @field_validator("timezone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{zone}' is not a time zone; write a name such as Europe/Madrid") from None
        return zone


def refuse_unavailable(title: str, data: Any, handler: Any, names: tuple[str, ...]) -> Any:
    """Validate, and name each key that we know but do not have, in its place, beside all other problems.

    Raises pydantic's ValidationError.
    """
    asked = [name for name in names if isinstance(data, dict) and name in data]
    if not asked:
        return handler(data)
    problems = [
        _problem("not_available", f"'{name}' is not available yet; remove it", (name,), data[name]) for name in asked
    ]
    try:
        handler({key: value for key, value in data.items() if key not in asked})
    except ValidationError as error:
        problems += [_problem(each["type"], each["msg"], each["loc"], each["input"]) for each in error.errors()]
    raise ValidationError.from_exception_data(title, problems)


def _problem(kind: str, message: str, place: tuple[int | str, ...], value: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=place, input=value)
