"""The parameters of a clean-up, as they are typed in TOML.

Owns: their names, types and limits, and what a rule says about time.
Never: looks at a database; whether the table and columns exist is found out by the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from automation.text import nearest, parse_duration, printable

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "like", "is_null", "not_null"]
Scalar = bool | int | float | str
_WITHOUT_VALUE = ("is_null", "not_null")
_WITH_LIST = ("in", "not_in")


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


def _not_yet(_value: Any, info: ValidationInfo) -> Any:
    raise ValueError(f"'{info.field_name}' is not available yet; remove it")


Later = Annotated[SkipJsonSchema[Any], BeforeValidator(_not_yet)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OlderThan(_Strict):
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
        if value not in (known := available_timezones()):
            meant = nearest(value, known)
            hint = f"did you mean '{meant}'?" if meant else "write a name such as 'Europe/Madrid'"
            raise ValueError(f"'{printable(value, 60)}' is not a time zone; {hint}")
        return value

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


class Condition(_Strict):
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


def _conditions(value: Any) -> Any:
    """`{ status = "done", kind = ["a", "b"] }` is short for a list of conditions."""
    if not isinstance(value, Mapping):
        return value
    return [
        {"column": name, "op": "in" if isinstance(item, list) else "=", "value": item} for name, item in value.items()
    ]


class Guard(_Strict):
    """What must hold before the first row is deleted; each counts rows of `table`, not of its children."""

    max_rows: int | None = Field(default=None, ge=0, description="Refuse when more rows than this would go.")
    max_percent: float | None = Field(default=None, ge=0, le=100, description="Refuse when more of the table would go.")
    min_remaining: int | None = Field(default=None, ge=0, description="Refuse when fewer rows than this would stay.")
    allow_scan: bool = Field(default=False, description="Go on although a large table has no index on the age column.")


class CleanupParams(_Strict):
    """What to delete, how much at once, and what must hold before."""

    table: str = Field(
        min_length=1, description="The table, exactly as it is called; 'schema.table' for another schema."
    )
    older_than: OlderThan
    database: str | None = Field(
        default=None, description="A name from automation.toml or an SQLAlchemy URL; default: data.db."
    )
    children: list[str] = Field(default=[], description="Tables whose rows go with the rows that they refer to.")
    where: Annotated[list[Condition], BeforeValidator(_conditions)] = Field(
        default=[], description="What else must be true of a row."
    )
    batch: int = Field(default=1000, ge=1, le=20_000, description="Rows of `table` in one transaction.")
    max_rows: int | None = Field(default=None, ge=0, description="Short for guard.max_rows.")
    guard: Guard = Guard()
    dry_run: bool = Field(default=False, description="Count and show, delete nothing.")
    unattended: bool = Field(default=True, description="Delete without asking; the guard is what asks.")

    archive: Later = None
    pace: Later = None
    keep_last: Later = None
    orphans_of: Later = None
    duplicates_by: Later = None
    after: Later = None
    folder: Later = None
    pattern: Later = None
    trash: Later = None

    @field_validator("unattended")
    @classmethod
    def _approval(cls, value: bool) -> bool:
        if not value:
            raise ValueError("'unattended = false' is not available yet; use dry_run = true and a guard")
        return value

    @property
    def row_limit(self) -> int | None:
        """The smaller of the two ways to say `max_rows`."""
        return min((limit for limit in (self.max_rows, self.guard.max_rows) if limit is not None), default=None)
