"""Which rows a rule means: the criteria as they are typed in TOML.

Owns: their names, types and limits, and what a rule says about time.
Never: looks at a database; whether the table and columns exist is found out by the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from automation.text import nearest, parse_duration, printable

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "like", "is_null", "not_null"]
Scalar = bool | int | float | str
_WITHOUT_VALUE = ("is_null", "not_null")
_WITH_LIST = ("in", "not_in")
Column = Annotated[str, Field(min_length=1)]


def listed(value: Any) -> Any:
    """One name is short for a list of one."""
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[Column], BeforeValidator(listed), Field(min_length=1)]


def known_zone(value: str) -> str:
    """The name of a time zone. Raises ValueError with the nearest one."""
    if value not in (known := available_timezones()):
        meant = nearest(value, known)
        hint = f"did you mean '{meant}'?" if meant else "write a name such as 'Europe/Madrid'"
        raise ValueError(f"'{printable(value, 60)}' is not a time zone; {hint}")
    return value


def _moment(value: Any) -> Any:
    """A date or datetime from TOML, or the same as ISO text, which is what they become in the ledger."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if value is None or (isinstance(value, date) and 1900 <= value.year <= 9000):
        return value
    raise ValueError(
        f"'{printable(str(value), 60)}' is not a date from 1900 on; write 2024-01-31 or 2024-01-31T00:00:00Z"
    )


class Strict(BaseModel):
    """A table of TOML in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OlderThan(Strict):
    """Rows whose moment in `column` lies before a cutoff; exactly one of `age` and `before` says which."""

    column: str = Field(min_length=1, description="The column that says how old a row is.")
    age: str | None = Field(default=None, description='Before the nominal time by this duration, such as "90d".')
    before: Annotated[datetime | date | None, BeforeValidator(_moment)] = Field(
        default=None, description="Before this date or instant; without an offset it is read in `zone`."
    )
    zone: str = Field(default="UTC", description="The time zone of values that carry none.")
    unit: Literal["s", "ms", "us"] | None = Field(
        default=None, description="For numbers: seconds, milli- or microseconds since 1970."
    )

    @field_validator("age")
    @classmethod
    def _age_is_a_duration(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("an age of zero would delete everything up to now; write a longer duration")
        return value

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _one_cutoff(self) -> OlderThan:
        if (self.age is None) == (self.before is None):
            raise ValueError("write exactly one of 'age' (such as \"90d\") and 'before' (such as 2024-01-31)")
        return self

    def cutoff(self, nominal_time: datetime) -> datetime:
        """The instant that rows must be older than, in UTC; the same for every attempt of an occurrence."""
        if self.age is not None:
            return (nominal_time - parse_duration(self.age)).astimezone(UTC)
        assert self.before is not None
        moment = self.before if isinstance(self.before, datetime) else datetime.combine(self.before, time())
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.zone))).astimezone(UTC)


class Condition(Strict):
    """One more thing that must be true of a row; all of them must."""

    column: str = Field(min_length=1)
    op: Operator = "="
    value: Scalar | list[Scalar] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Condition:
        if self.op in _WITHOUT_VALUE and self.value is not None:
            raise ValueError(f"'{self.op}' takes no value; remove it")
        if self.op in _WITH_LIST and not (isinstance(self.value, list) and self.value):
            raise ValueError(f"'{self.op}' needs a list of values, such as ['done', 'failed']")
        if self.op not in _WITHOUT_VALUE + _WITH_LIST and (self.value is None or isinstance(self.value, list)):
            raise ValueError(f"'{self.op}' needs one value; for several write op = 'in', for none op = 'is_null'")
        return self


def conditions(value: Any) -> Any:
    """`{ status = "done", kind = ["a", "b"] }` is short for a list of conditions."""
    if not isinstance(value, Mapping):
        return value
    return [
        {"column": name, "op": "in" if isinstance(item, list) else "=", "value": item} for name, item in value.items()
    ]


class KeepLast(Strict):
    """All but the newest rows of each group; a row without a group or an order stays."""

    per: Columns = Field(description="The columns that make a group.")
    count: int = Field(ge=1, description="How many rows of each group stay.")
    order_by: Columns | None = Field(default=None, description="What makes a row new; default: the primary key.")


class OrphansOf(Strict):
    """Rows whose column names a row of another table that is not there; an empty column names none."""

    table: str = Field(min_length=1, description="The table that is referred to.")
    column: Columns = Field(description="The columns of this table that refer to it.")
    references: Columns | None = Field(default=None, description="Its columns; default: its primary key.")


class Duplicates(Strict):
    """All rows but one of those that are equal in some columns; a row that is empty in one of them is no duplicate."""

    columns: Columns = Field(description="What is equal in duplicates.")
    keep: Literal["newest", "oldest"] = Field(default="oldest", description="Which of them stays.")
    order_by: Columns | None = Field(default=None, description="What makes a row new; default: the primary key.")


class SoftDeleted(Strict):
    """Rows that are marked as deleted: a flag that is set, or a moment that is there."""

    column: Column = Field(description="The flag or the moment.")
    age: str | None = Field(default=None, description='For a moment: marked so long ago, such as "30d".')
    zone: str = Field(default="UTC", description="The time zone of moments that carry none.")
    unit: Literal["s", "ms", "us"] | None = Field(default=None, description="For numbers: what they count since 1970.")

    @model_validator(mode="after")
    def _unit_needs_age(self) -> SoftDeleted:
        if self.unit is not None and self.age is None:
            raise ValueError("'unit' is for a moment; write 'age' too, such as \"30d\"")
        self.older_than()
        return self

    def older_than(self) -> OlderThan | None:
        """The same as an age, where there is one."""
        if self.age is None:
            return None
        return OlderThan(column=self.column, age=self.age, zone=self.zone, unit=self.unit)


def short_duplicates(value: Any) -> Any:
    """`["email", "day"]` is short for `{ columns = ["email", "day"] }`."""
    return {"columns": value} if isinstance(value, (str, list)) else value
