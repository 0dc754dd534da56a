"""What the pages on outages and overlap say, as it happens."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
MINUTE = timedelta(minutes=1)


def page(name):
    """The text of a document, and its first example."""
    text = (DOCS / name).read_text("utf-8")
    return text, re.search(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def test_table_of_an_outage_is_true(time_machine, utc):
    """Each row names what is caught up, and what is missed."""
    text, example = page("outages.md")
    day = utc(2026, 3, 2)
    down, up = day + timedelta(hours=2, minutes=10), day + timedelta(hours=9, minutes=40)
    happened = time_machine(example, day, day + timedelta(hours=9, minutes=59), down=[(down, up)])
    caught_up = {
        job: [f"{row.nominal_time:%H:%M}" for row in happened.of(job) if row.kind == "catchup" and row.ran]
        for job in ("prices", "ledger", "greeting")
    }

    for job, hours in caught_up.items():
        assert re.search(rf"^\| `{job}` \| {', '.join(hours) or 'nothing'} \|", text, re.M)
    assert [happened.states(job).get("missed", 0) for job in caught_up] == [6, 2, 7]


def test_table_of_overlap_is_true(time_machine, utc):
    """Each row names when runs begin, and with which fire."""
    text, example = page("overlap.md")
    start, jobs = utc(2026, 3, 2), ("skips", "waits", "queues", "restarts")
    happened = time_machine(example, start, start + 70 * MINUTE, takes=dict.fromkeys(jobs, 25 * MINUTE))

    for job in jobs:
        begun = ", ".join(f"{row.started_at:%H:%M} ({row.nominal_time:%H:%M})" for row in happened.ran(job))
        assert f"| `{job}` | {begun} |" in text
