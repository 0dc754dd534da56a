"""Read items from web pages into a table.

Owns: the name, and that it works on what is there now.
Never: fetches, parses or stores itself; `automation/scraping/` does.
"""

from __future__ import annotations

from automation import Context, plugin
from automation.scraping.params import ScrapeParams


@plugin("scrape", backfillable=False)
async def scrape(ctx: Context, params: ScrapeParams) -> dict[str, object]:
    """Fetch pages politely, read items from them, and keep them in a table that knows what is new and what changed.

    The result counts pages, items, new, changed, unchanged, gone, dropped and what was skipped.
    """
    from automation.scraping.runs import do

    return await do(ctx, params)
