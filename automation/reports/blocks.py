"""What a report is made of: blocks, in their order.

Owns: names and keys of `blocks`.
Never: renders.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from automation.rendering import check_source
from automation.reports.chart import KINDS
from automation.reports.queries import Strict


class BlockParams(Strict):
    """One block.

    Parameters
    ----------
    block: `section`, `cards`, `table`, `note`, a kind of chart, or a template of one's own: `NAME` is `report/NAME.html`.
    query: what it shows.
    title: above it; for a section, its heading.
    text: of a note or section, in Markdown; Jinja2 in it is filled in.
    label, values: what a chart draws, over those of the query.
    columns: only these, in this order.
    rows: at most so many.
    """

    block: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    query: str | None = None
    title: Annotated[str, AfterValidator(check_source)] = ""
    text: Annotated[str, AfterValidator(check_source)] = ""
    label: str | None = None
    values: list[str] = Field(default=[])
    columns: list[str] = Field(default=[])
    rows: int | None = Field(default=None, ge=1, le=100_000)
    wide: Literal["full", "half"] = "full"

    @model_validator(mode="after")
    def _whole(self) -> BlockParams:
        if self.block == "note" and not self.text:
            raise ValueError("a note has text")
        if self.block in ("cards", "table", *KINDS) and not self.query:
            raise ValueError(f"a block '{self.block}' shows a query; name it with query")
        return self
