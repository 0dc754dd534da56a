"""What a query of a report may say: where it asks, and how its answer is shown.

Owns: names, defaults and limits of `queries.NAME`.
Never: runs anything.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from automation.reports.compare import check_span
from automation.reports.statement import READING, first_word
from automation.text import parse_duration

RESERVED = ("nominal_time", "window_start", "window_end")
Format = Literal["text", "number", "money", "percent", "date", "datetime", "duration", "bytes"]
Scalar = bool | int | float | datetime | date | time | str


def _span(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "examples": ["60s", "5m"]})]
Compare = Annotated[str, AfterValidator(check_span)]


class Strict(BaseModel):
    """Parameters: an unknown key is a mistake, and nothing changes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnParams(Strict):
    """How one column is shown.

    Parameters
    ----------
    title: in place of the column's name.
    format: how values are written; default: by their type.
    digits: after the decimal point.
    total: the column's sum stands below the table.
    heat: cells are tinted, the more the darker.
    good: which way is good, for the colour of a change.
    hide: files have the column, pages do not.
    """

    title: str = ""
    format: Format | None = None
    digits: int | None = Field(default=None, ge=0, le=12)
    total: bool = False
    heat: bool = False
    good: Literal["up", "down", "neither"] = "up"
    hide: bool = False


class SourceParams(Strict):
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
    params: dict[str, Scalar | list[Scalar]] = Field(default={})
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


class Files(Strict):
    """Files of another job, asked like a table.

    Parameters
    ----------
    job: whose files; this flow's run of it, else its newest succeeded one.
    pattern: CSV or Parquet files that all have the same columns.
    """

    job: str
    pattern: str = "*.csv"


class QueryParams(SourceParams):
    """One query of a report, and how its answer is shown.

    Parameters
    ----------
    files: the SQL asks these files, as the table `files`, in place of a database.
    columns: how columns are shown, by name.
    chart: `auto` draws one where there is one label and one number a row.
    chart_label: the column of labels; default: the first that is no number.
    chart_value: the column to draw; `chart_values` for several.
    compare: over the report's own.
    key: the columns that tell rows apart, for comparing; default: those that are no numbers.
    show: how many rows pages show; files have all.
    """

    title: str = ""
    description: str = ""
    files: Files | None = None
    columns: dict[str, ColumnParams] = Field(default={})
    chart: Literal["auto", "bar", "line", "stacked", "share", "calendar", "none"] = "auto"
    chart_label: str | None = None
    chart_value: str | None = None
    chart_values: list[str] = Field(default=[])
    compare: Compare | None = None
    key: list[str] = Field(default=[])
    show: int | None = Field(default=None, ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_source(self) -> QueryParams:
        if self.files and self.database:
            raise ValueError("files and database are both what the SQL asks; keep one of them")
        if self.chart_value and self.chart_values:
            raise ValueError("chart_value and chart_values are both what is drawn; keep one of them")
        return self

    @property
    def drawn(self) -> list[str]:
        """The columns to draw, where some are named."""
        return [self.chart_value] if self.chart_value else self.chart_values
