"""Partitions that go as a whole, and those that are made ahead of time: the key `partitions` as it is typed in TOML.

Owns: its names, types and limits.
Never: looks at a database; whether the table is partitioned is found out by the plan.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from automation.cleanup.criteria import OlderThan, Strict
from automation.text import parse_duration

Every = Literal["day", "week", "month", "year"]


class Partitions(Strict):
    """Which partitions of a table go, and how; and which ones are to be there already."""

    age: str | None = Field(default=None, description="Those go that end so long before the nominal time.")
    before: datetime | date | None = Field(default=None, description="Those go that end at this moment or earlier.")
    action: Literal["detach", "drop"] = Field(
        default="detach", description="Leave each as a table of its own, or drop it with its rows."
    )
    ahead: str | None = Field(default=None, description="Make partitions for so long a time to come.")
    every: Every | None = Field(default=None, description="How long each of these is.")
    zone: str = Field(default="UTC", description="The time zone of bounds that carry none, and of new ones.")
    unit: Literal["s", "ms", "us"] | None = Field(
        default=None, description="For bounds that are numbers: what they count since 1970."
    )

    @field_validator("ahead")
    @classmethod
    def _ahead_is_a_duration(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("zero makes nothing ahead; write a longer duration, such as 30d, or remove the key")
        return value

    @model_validator(mode="after")
    def _means_something(self) -> Partitions:
        if self.age is None and self.before is None and self.ahead is None:
            raise ValueError('nothing says what to do; write age (such as "90d") or before, or ahead and every')
        if (self.ahead is None) != (self.every is None):
            raise ValueError("'ahead' and 'every' belong together, such as ahead = \"30d\", every = \"month\"")
        self.older_than("made")
        return self

    def older_than(self, column: str) -> OlderThan | None:
        """The same as an age of the column that the table is partitioned by; None where nothing goes."""
        if self.age is None and self.before is None:
            return None
        return OlderThan(column=column, age=self.age, before=self.before, zone=self.zone, unit=self.unit)
