"""The plugin `cleanup`: delete rows that are no longer needed, with their children and nothing else.

Owns: the name, and that it works on what is there now.
Never: plans or deletes itself; `automation/cleanup/` does.
"""

from __future__ import annotations

from typing import Any

from automation import Context, plugin
from automation.cleanup.rule import CleanupParams


@plugin("cleanup", backfillable=False)
def cleanup(ctx: Context, params: CleanupParams) -> dict[str, Any]:
    """Delete old rows of a table, in short transactions, with the rows of other tables that belong to them.

    Ages count from the run's nominal time, so that another attempt has the same cutoff. Nothing is deleted when a
    guard or a foreign key speaks against it, and nothing before somebody approved the plan (`automation approve`), unless
    `unattended = true`; `dry_run = true` counts and shows what would go.
    """
    from automation.cleanup.runs import do

    return do(ctx, params)
