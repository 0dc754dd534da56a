"""The parameters of a clean-up, as they are typed in TOML.

Owns: their names, types and limits, and which of them go together.
Never: looks at a database; whether the table and columns exist is found out by the plan.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automation.cleanup.criteria import (
    Condition,
    Duplicates,
    KeepLast,
    OlderThan,
    OrphansOf,
    SoftDeleted,
    Strict,
    conditions,
    known_zone,
    listed,
    short_duplicates,
)
from automation.cleanup.partition_rule import Partitions
from automation.text import parse_duration, parse_size, printable

__all__ = ["CleanupParams", "Condition", "Guard", "OlderThan", "Pace", "Rule"]

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]")
_CRITERIA = ("older_than", "keep_last", "orphans_of", "duplicates_by", "soft_deleted", "where", "where_sql")


class Guard(Strict):
    """What must hold before the first row is deleted; each counts rows of `table`, not of its children."""

    max_rows: int | None = Field(default=None, ge=0, description="Refuse when more rows than this would go.")
    max_percent: float | None = Field(default=None, ge=0, le=100, description="Refuse when more of the table would go.")
    min_remaining: int | None = Field(default=None, ge=0, description="Refuse when fewer rows than this would stay.")
    max_drift: float | None = Field(
        default=None, gt=1, description="Refuse when so many times more rows would go than in any of the last ten runs."
    )
    protected: list[str] = Field(default=[], description="Tables that no rule and no child of this job may name.")
    allow_scan: bool = Field(default=False, description="Go on although a large table has no index for the rule.")


class Pace(Strict):
    """How much load the clean-up may be, and for how long."""

    target_latency: str | None = Field(
        default=None, description="How long one batch should take; its size adapts. Default: 30ms, 6ms on SQLite."
    )
    budget: str | None = Field(default=None, description="Stop after this time; the next run goes on.")
    window: str | None = Field(default=None, description="The time of day in which rows go, such as 03:00-05:00.")
    zone: str = Field(default="UTC", description="The time zone of the window.")
    max_replica_lag: str | None = Field(
        default=None, description="Pause while a replica is further behind, such as 5s."
    )
    replica: Annotated[list[str], BeforeValidator(listed)] = Field(
        default=[], description="Replicas to be asked, names or URLs; without it, PostgreSQL's primary is."
    )

    @field_validator("target_latency", "budget", "max_replica_lag")
    @classmethod
    def _durations(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("zero is no pace; write a longer duration, such as 50ms, or remove the key")
        return value

    @field_validator("window")
    @classmethod
    def _window(cls, value: str | None) -> str | None:
        if value is not None and not (_WINDOW.fullmatch(value) and value[:5] != value[6:]):
            raise ValueError(f"'{printable(value, 40)}' is not a time of day; write 03:00-05:00")
        return value

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _replica_has_a_limit(self) -> Pace:
        if self.replica and self.max_replica_lag is None:
            raise ValueError("'replica' is for max_replica_lag; write it too, such as \"5s\", or remove the key")
        return self


class ArchiveTo(Strict):
    """Where rows are copied before they go: a file of a form, or a table."""

    to: Literal["jsonl", "csv", "parquet"] | None = Field(default=None, description="The form of a file.")
    folder: str = Field(default="archives", description="Where files go, from the project's folder.")
    artifact: bool = Field(default=False, description="Keep the files as the run's, which retention deletes one day.")
    table: str | None = Field(default=None, min_length=1, description="A table, which is made where it is missing.")
    database: str | None = Field(default=None, description="Its database; default: the same.")

    @model_validator(mode="after")
    def _one_place(self) -> ArchiveTo:
        if (self.to is None) == (self.table is None):
            raise ValueError("write exactly one of 'to' (such as \"jsonl\") and 'table' (such as \"old_sessions\")")
        if self.database and self.to:
            raise ValueError("'database' is for an archive in a table; remove it, or write 'table' in place of 'to'")
        return self


class Trash(Strict):
    """A folder that files are moved to, each run's into one of its own."""

    folder: str = Field(min_length=1)
    age: str | None = Field(default=None, description="Delete for good what was thrown away so long ago.")


class Files(Strict):
    """Files of a folder that go: too old, too many, or too much of them; the oldest first."""

    folder: str = Field(min_length=1, description="The folder, from the project's.")
    pattern: Annotated[list[str], BeforeValidator(listed), Field(min_length=1)] = Field(
        default=["*"], description="Names of files, such as *.log; one or a list."
    )
    recursive: bool = Field(default=True, description="Go into folders below it.")
    age: str | None = Field(default=None, description="Files that were changed so long ago go.")
    max_count: int | None = Field(default=None, ge=0, description="The oldest go until so many are left.")
    max_size: str | None = Field(default=None, description="The oldest go until they take this space, such as 10GB.")
    keep_last: int = Field(default=0, ge=0, description="So many of the newest stay whatever else is said.")
    trash: Trash | None = None

    @model_validator(mode="after")
    def _means_something(self) -> Files:
        if self.age is None and self.max_count is None and self.max_size is None:
            raise ValueError("nothing says which files are to go; write age, max_count or max_size")
        for span in (self.age, self.trash.age if self.trash else None):
            if span is not None and not parse_duration(span):
                raise ValueError("an age of zero would delete everything up to now; write a longer duration")
        if self.max_size is not None:
            parse_size(self.max_size)
        return self


class Rule(Strict):
    """Which rows of a table go, and what goes with them; all criteria that are written must hold."""

    table: str | None = Field(
        default=None, min_length=1, description="The table, exactly as it is called; 'schema.table' for another schema."
    )
    older_than: OlderThan | None = None
    keep_last: KeepLast | None = None
    orphans_of: OrphansOf | None = None
    duplicates_by: Annotated[Duplicates | None, BeforeValidator(short_duplicates)] = None
    soft_deleted: SoftDeleted | None = None
    where: Annotated[
        list[Condition], BeforeValidator(conditions, json_schema_input_type=list[Condition] | dict[str, Any])
    ] = Field(default=[], description="What else must be true of a row.")
    where_sql: str | None = Field(
        default=None, min_length=1, description="The same as SQL, for what no key can say; needs allow_sql."
    )
    children: list[str] = Field(default=[], description="Tables whose rows go with the rows that they refer to.")

    @property
    def means_something(self) -> bool:
        """Whether any criterion says which rows."""
        return any(getattr(self, name) for name in _CRITERIA)

    @property
    def age(self) -> OlderThan | None:
        """The age of the rule, whichever key says it."""
        return self.older_than or (self.soft_deleted.older_than() if self.soft_deleted else None)


class CleanupParams(Rule):
    """What to delete, how much at once, and what must hold before."""

    database: str | None = Field(
        default=None, description="A name from automation.toml or an SQLAlchemy URL; default: data.db."
    )
    files: Files | None = Field(default=None, description="Files of a folder, in place of rows.")
    rules: list[Rule] = Field(default=[], description="Several rules, in this order, in place of one.")
    allow_sql: bool = Field(default=False, description="Take `where_sql`.")
    batch: int = Field(default=20_000, ge=1, le=100_000, description="Rows of `table` in one transaction, at most.")
    max_rows: int | None = Field(default=None, ge=0, description="Short for guard.max_rows.")
    guard: Guard = Guard()
    pace: Pace = Pace()
    archive: ArchiveTo | None = Field(default=None, description="Copy rows before they go.")
    after: list[Literal["analyze", "vacuum", "optimize"]] = Field(
        default=[], description="What to do with the tables when rows went."
    )
    dry_run: bool = Field(default=False, description="Count and show, delete nothing.")
    unattended: bool = Field(
        default=False, description="Delete although nobody approved a plan; the guard is what asks."
    )

    partitions: Partitions | None = Field(
        default=None, description="Partitions of `table` that go as a whole, in place of rows."
    )

    @model_validator(mode="after")
    def _says_which_rows(self) -> CleanupParams:
        if self.files is not None:
            if self.table or self.rules or self.means_something or self.archive or self.partitions:
                raise ValueError("'files' and rows are two jobs; write one of them here")
            return self
        if self.partitions is not None:
            self._partitions_alone(self.partitions)
            return self
        if self.rules and self.means_something:
            raise ValueError("write the criteria inside each of 'rules', or no 'rules'")
        for place, rule in self._places():
            if rule.table is None and self.table is None:
                raise ValueError(f"{place}'table' is missing; write the table whose rows are to go")
            if not rule.means_something:
                raise ValueError(
                    f"{place}nothing says which rows are to go; write older_than, keep_last, orphans_of, duplicates_by, "
                    "soft_deleted or where"
                )
            if rule.older_than and rule.soft_deleted and rule.soft_deleted.age:
                raise ValueError(f"{place}'older_than' and 'soft_deleted.age' are two ages; write one")
            if rule.where_sql and not self.allow_sql:
                raise ValueError(f"{place}'where_sql' is taken as it is; write allow_sql = true too, or use 'where'")
        return self

    def _partitions_alone(self, partitions: Partitions) -> None:
        if self.rules or self.means_something or self.children:
            raise ValueError("'partitions' and rows are two jobs; write one of them here")
        if self.table is None:
            raise ValueError("'table' is missing; write the table whose partitions are meant")
        if self.archive and partitions.action == "detach":
            raise ValueError(
                "a detached partition keeps its rows; remove 'archive', or write partitions.action = \"drop\""
            )

    def _places(self) -> list[tuple[str, Rule]]:
        return [(f"rules[{number}]: ", rule) for number, rule in enumerate(self.rules)] or [("", self)]

    def steps(self) -> list[Rule]:
        """Each rule with its table."""
        if not self.rules:
            return [Rule(**{name: getattr(self, name) for name in Rule.model_fields})]
        return [rule if rule.table else rule.model_copy(update={"table": self.table}) for rule in self.rules]

    def digest(self) -> str:
        """A hash of what may go: the same as long as no rule and no guard changes."""
        meant = self.model_dump(
            mode="json", exclude={"pace", "batch", "after", "dry_run", "unattended"}, exclude_defaults=True
        )
        return sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def row_limit(self) -> int | None:
        """The smaller of the two ways to say `max_rows`."""
        return min((limit for limit in (self.max_rows, self.guard.max_rows) if limit is not None), default=None)
