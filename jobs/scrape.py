"""Read items from web pages into a table.

Owns: joining the scrape engine with a run: its database, moment, log, progress and artifacts.
Never: fetches or parses itself; `automation/scraping/` does.
"""

from __future__ import annotations

import re

from automation import Context, Snooze, plugin
from automation.scraping.params import ScrapeParams
from automation.text import count


@plugin("scrape", backfillable=False)
async def scrape(ctx: Context, params: ScrapeParams) -> dict[str, object]:
    """Fetch pages politely, read items from them, and keep them in a table that knows what is new and what changed.

    The result counts pages, items, new, changed, unchanged, gone, dropped and what was skipped.
    """
    from automation.scraping.engine import Surroundings
    from automation.scraping.engine import scrape as run_scrape
    from automation.scraping.export import MEDIA

    around = Surroundings(
        engine=ctx.database(params.database),
        table=re.sub(r"\W", "_", ctx.job.name, flags=re.ASCII)[:48],
        moment=ctx.nominal_time,
        run_id=ctx.run_id,
        folder=ctx.workdir,
        log=ctx.log,
        progress=ctx.progress,
        cancelled=lambda: ctx.cancelled,
        store=not ctx.dry_run,
    )
    outcome = await run_scrape(params, around)
    if outcome.result["stopped_by"] == "cancelled":
        # A part of the pages is no success; its items are in the table, and whoever goes on puts the same ones there.
        raise Snooze(1, f"stopped after {count(outcome.result['pages'], 'page')}: the run is to stop")
    files = {} if ctx.dry_run else outcome.files
    for form, path in files.items():
        ctx.artifact(path.name, path, media_type=MEDIA[form])
    if outcome.problem is not None:
        raise outcome.problem
    return outcome.result
