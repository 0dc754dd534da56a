"""Unique keys over the real scheduler: fires that find the work asked for."""

from __future__ import annotations

from datetime import timedelta

MINUTE = timedelta(minutes=1)
PROJECT = """
[jobs.held]
plugin     = "shell"
every      = "10m"
overlap    = "allow"
unique_key = "all"
params     = { command = "true" }

[jobs.hourly]
plugin     = "shell"
every      = "10m"
unique_key = "{{ params.command }}"
unique_for = "1h"
params     = { command = "true" }

[jobs.newest]
plugin      = "shell"
every       = "10m"
overlap     = "queue_all"
unique_key  = "all"
on_conflict = "replace_waiting"
params      = { command = "true" }
"""


def test_fires_find_the_run_that_holds_their_key(time_machine, utc):
    """While it is at work, for as long as unique_for says, or while it waits and makes way."""
    start = utc(2026, 3, 2)
    takes = {"held": 25 * MINUTE, "newest": 25 * MINUTE}
    happened = time_machine(PROJECT, start, start + 69 * MINUTE, takes=takes)
    began = {
        job: [(f"{row.started_at:%H:%M}", f"{row.nominal_time:%H:%M}") for row in happened.ran(job)]
        for job in ("held", "hourly", "newest")
    }

    assert began["held"] == [("00:10", "00:10"), ("00:40", "00:40")]
    assert began["hourly"] == [("00:10", "00:10")]
    assert began["newest"] == [("00:10", "00:10"), ("00:35", "00:30"), ("01:00", "01:00")]
    assert [happened.reasons(job) for job in began] == [{"unique": 4}, {"unique": 5}, {"superseded": 3}]
