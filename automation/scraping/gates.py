"""What a run must yield to count as good, as TOML says it.

Owns: the bounds and how they are written. Never: judges a run.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from automation.scraping.kinds import Strict
from automation.scraping.selectors import check_regex

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _share(value: Any) -> Any:
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else value


def _range(value: Any) -> Any:
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError("write [least, most], or { min = …, max = … }")
        return {"min": value[0], "max": value[1]}
    return value


Share = Annotated[
    float,
    BeforeValidator(_share),
    Field(ge=0, le=1),
    WithJsonSchema({"type": ["number", "string"], "examples": ["50%"]}),
]


class Range(Strict):
    """The least and the most that a value may be; either may be left out."""

    min: float | None = Field(None, description="the least that is right")
    max: float | None = Field(None, description="the most that is right")

    @model_validator(mode="after")
    def _some_bound(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("write min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self

    def holds(self, value: float) -> bool:
        """Whether the value lies within, the bounds included."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        least, most = (("" if bound is None else f"{bound:g}") for bound in (self.min, self.max))
        return f"{least} … {most}".strip()


_Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Quality(Strict):
    """What a run must yield to count as good."""

    min_items: int = Field(default=1, ge=0, description="0 lets a run without any item succeed")
    max_items: int | None = Field(None, ge=1, description="more items than this cannot be right")
    max_drop: Share | None = Field(
        None, description="how far below the median of earlier good runs the number of items may fall: 0.5 or 50%"
    )
    history: int = Field(5, ge=1, le=100, description="how many earlier good runs max_drop looks at")
    coverage: dict[str, Annotated[Share, Field(gt=0)]] = Field(
        default_factory=dict, description="field → the share of items that must have it"
    )
    ranges: dict[str, Annotated[Range, BeforeValidator(_range, json_schema_input_type=Range | _Pair)]] = Field(
        default_factory=dict, description="field → [least, most], or { min, max }"
    )
    patterns: dict[str, Annotated[str, AfterValidator(check_regex)]] = Field(
        default_factory=dict, description="field → a regular expression that the whole value matches"
    )
    max_wrong: Share = Field(0.0, description="the share of values that may miss a range or a pattern")
    max_duplicates: Share | None = Field(None, description="the share of items that may come twice in a run")
