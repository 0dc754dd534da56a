"""When a crawl ends before there is nothing left.

Owns: the parameters of the limits, and which of them is reached.
Never: counts; the limit on list pages is the frontier's.
"""

from __future__ import annotations

from pydantic import Field

from automation.scraping.kinds import Duration, Strict


class StopLimits(Strict):
    """What ends a crawl early; the result's `stopped_by` names the one that did."""

    max_pages: int = Field(1000, ge=1, description="list pages; detail pages are not counted")
    max_items: int | None = Field(None, ge=1, description="stop when so many items are kept")
    max_time: Duration | None = Field(None, description="stop after so long, all attempts together")
    max_errors: int = Field(0, ge=0, description="followed pages that may fail before the run does")
    max_stale: int | None = Field(
        None, ge=1, description="stop after so many items in a row that the table knew before"
    )

    def reached(self, *, items: int, seconds: float, errors: int, stale: int) -> str:
        """The name of the limit that is reached; empty when there is none.

        Parameters
        ----------
        stale: items since the last one that was new.
        """
        if self.max_items is not None and items >= self.max_items:
            return "max_items"
        if self.max_time is not None and seconds >= self.max_time.total_seconds():
            return "max_time"
        if self.max_stale is not None and stale >= self.max_stale:
            return "max_stale"
        return "max_errors" if errors > self.max_errors else ""
