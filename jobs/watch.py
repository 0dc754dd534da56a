"""Look at a page again and again, and tell when it changes.

Owns: the run: fetch, compare with the version before, keep both, and say whether what is waited for came true.
Never: fetches by itself; `automation/scraping/` does.
"""

from __future__ import annotations

import hashlib
from typing import Any

from automation import Context, Skip, plugin
from automation.net import status_failure
from automation.scraping.watch import WatchParams
from automation.text import one_line, printable


@plugin("watch", backfillable=False)
def watch(ctx: Context, params: WatchParams) -> dict[str, Any]:
    """Compare a page with what it was; the run succeeds when it changed as `when` says, and is skipped otherwise.

    So what follows it with `after` runs only then. The result has `old`, `new`, `diff` and the conditions `met`.
    """
    from automation.scraping.changes import Change, compare, met
    from automation.scraping.versions import Versions
    from automation.scraping.watch import content_of

    response = ctx.fetch(params.url, **params.asking)
    if not response.is_success:
        raise status_failure("GET", response.url, response.status_code, response.headers, response.received_at)
    new = content_of(params, response)
    versions = Versions(ctx.database(), ctx.job.name, _what(params), url=params.url, kind=params.kind)
    last = versions.last(ctx.run_id)
    old = last[0] if last else None
    change = compare(params.kind, old, new) if old is not None and old != new else None
    # The rows of a table in another order are the same rows.
    if old is not None and not (change and change.lines):
        raise Skip("nothing has changed")
    if not ctx.dry_run:
        versions.keep(ctx.run_id, ctx.nominal_time, new, params.versions)
    found = met(params, old, new, change.share if change else 0.0)
    if not found:
        ctx.log.info("Seen of %s: %s", printable(params.url, 200), one_line(new, 200) or "nothing")
        raise Skip(_why_not(first=old is None, dry=ctx.dry_run))
    # At the first look there is nothing to subtract; whoever is told gets to read what was found all the same.
    diff = change.text if change else f"+ {new}" if params.value is not None else "\n".join(found)
    if not ctx.dry_run:
        # A follower that attaches them finds them after the first look as well.
        shown = change or Change(tuple(diff.splitlines()), 1, 0, 0.0)
        ctx.artifact("diff.txt", shown.text)
        ctx.artifact("diff.html", shown.page(f"{params.url}, {ctx.nominal_time:%Y-%m-%d %H:%M} UTC"))
    ctx.log.info("%s: %s", printable(params.url, 200), ", ".join(found))
    single = params.value is not None
    return {
        "url": params.url, "met": found, "old": old if single else None, "new": new if single else None, "diff": diff,
        "added": change.added if change else 0, "removed": change.removed if change else 0,
        "share": round(change.share, 4) if change else None,
    }  # fmt: skip


def _why_not(*, first: bool, dry: bool) -> str:
    how = "the first look" if first else "changed, but not as when says"
    return f"{how}; nothing is kept of a dry run" if dry else f"{how}{':' if first else ';'} kept to compare with"


def _what(params: WatchParams) -> str:
    told = params.model_dump_json(include={"url", "value", "select", "compare", "ignore", "ignore_selectors"})
    return hashlib.blake2b(f"{told}{' rendered' * params.render}".encode(), digest_size=16).hexdigest()
