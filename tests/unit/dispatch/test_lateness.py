"""Fires that are decided late: every policy against every length of an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from automation.dispatch.decide import decide
from automation.dispatch.situation import Situation
from automation.project.model import Overlap, Timing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALLOW = Overlap("allow")
LATE = timedelta(minutes=10)
#: Catch-up, window, most, and how many of the fires of an outage of 0, 1, 3, 30 and 72 periods run ten minutes late.
TABLE = [
    ("skip", 24, 10, (0, 0, 0, 0, 0)),
    ("latest", 24, 10, (0, 1, 1, 1, 1)),
    ("latest", 1, 10, (0, 1, 1, 1, 1)),
    ("all", 24, 10, (0, 1, 3, 10, 10)),
    ("all", 24, 1000, (0, 1, 3, 24, 24)),
    ("all", 2, 10, (0, 1, 2, 2, 2)),
    ("all", 1000, 1000, (0, 1, 3, 30, 72)),
    ("all", 1000, 1, (0, 1, 1, 1, 1)),
]


@pytest.mark.parametrize(("place", "periods"), list(enumerate([0, 1, 3, 30, 72])))
@pytest.mark.parametrize(("catchup", "window", "most", "ran"), TABLE)
def test_every_policy_after_every_outage(job_of, decisions, catchup, window, most, ran, place, periods):
    """The newest run as the policy says; every other fire is missed, with a reason."""
    timing = Timing(catchup, timedelta(hours=window), most)
    one = job_of({"every": "1h"}, timing=timing, overlap=ALLOW)
    runs = decisions(one, NOON - periods * HOUR, NOON + LATE)

    assert len(runs) == periods
    assert [str(run.state) for run in runs] == ["missed"] * (periods - ran[place]) + ["queued"] * ran[place]
    assert all(run.reason.startswith("missed: ") for run in runs if run.state == "missed")
    assert all(run.kind == "catchup" for run in runs)


@pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
@pytest.mark.parametrize(
    ("grace", "late", "kind"), [(60, 60, "scheduled"), (60, 61, "catchup"), (900, 600, "scheduled")]
)
def test_within_its_grace_a_fire_is_merely_late(job_of, decisions, catchup, grace, late, kind):
    """Whatever becomes of those that are later."""
    one = job_of({"every": "1h"}, timing=Timing(catchup, misfire_grace=timedelta(seconds=grace)))
    [run] = decisions(one, NOON - HOUR, NOON + timedelta(seconds=late))

    assert str(run.kind) == kind
    assert run.state == ("missed" if (catchup, kind) == ("skip", "catchup") else "queued")


@pytest.mark.parametrize(
    ("timing", "away", "reason"),
    [
        (Timing("skip"), 1, 'missed: 10m late, and catchup is "skip"'),
        (Timing("latest"), 3, "missed: 2h 10m late, and a newer occurrence runs in its place"),
        (Timing("all", catchup_max=2), 3, "missed: 2h 10m late, and no more than the newest 2 are caught up"),
        (Timing("all"), 26, "missed: 1d 1h late, more than the catch-up window of 1d"),
        (Timing(start_deadline=timedelta(minutes=5)), 1, "missed: 10m late, more than the start_deadline of 5m"),
    ],
)
def test_a_missed_fire_says_which_rule_missed_it(job_of, decisions, timing, away, reason):
    """And how late it was."""
    one = job_of({"every": "1h"}, timing=timing, overlap=ALLOW)

    assert decisions(one, NOON - away * HOUR, NOON + LATE)[0].reason == reason


def test_what_runs_on_time_takes_the_place_of_what_is_late(job_of, decisions):
    """`latest` is one run, and not one more beside the one that is due anyway; `all` runs both."""
    runs = {}
    for catchup in ("latest", "all"):
        one = job_of({"every": "1h"}, timing=Timing(catchup), overlap=ALLOW)
        runs[catchup] = decisions(one, NOON - 2 * HOUR, NOON)

    assert [str(run.state) for run in runs["latest"]] == ["missed", "queued"]
    assert [(str(run.state), str(run.kind)) for run in runs["all"]] == [("queued", "catchup"), ("queued", "scheduled")]


def test_start_deadline_counts_from_the_planned_time(job_of, decisions):
    """A run that is queued keeps it, so that a worker knows when it is too late."""
    one = job_of({"every": "1h"}, timing=Timing(start_deadline=timedelta(minutes=5)))
    [run] = decisions(one, NOON - HOUR, NOON + timedelta(seconds=30))

    assert run.expires_at == NOON + timedelta(minutes=5)


def test_fires_caught_up_wait_for_one_another(job_of, decisions, open_run):
    """They do not skip each other, nor for a run at work; the oldest is due first."""
    one = job_of({"every": "1h"}, timing=Timing("all"))
    runs = decisions(one, NOON - 3 * HOUR, NOON + LATE, open_runs=[open_run("r0", NOON)])

    assert [str(run.state) for run in runs] == ["queued"] * 3
    assert [run.due_at for run in runs] == sorted({run.due_at for run in runs})
    assert all(run.due_at <= NOON + LATE and run.max_running == 1 and not run.spec["skips"] for run in runs)


@pytest.mark.parametrize("away", [300, 1000, 100_000])
@pytest.mark.parametrize(("catchup", "most", "ran"), [("latest", 10, 1), ("all", 7, 7), ("skip", 10, 0)])
def test_what_is_caught_up_does_not_depend_on_the_pieces(job_of, away, catchup, most, ran):
    """The first piece of a long outage holds none of the newest."""
    timing = Timing(catchup, timedelta(days=400), most, misfire_grace=timedelta())
    one = job_of({"every": "1s"}, timing=timing, overlap=ALLOW)
    now = NOON + timedelta(milliseconds=500)
    first = decide(one, one.schedules[0], now, Situation(NOON - timedelta(seconds=away)))
    last = decide(one, one.schedules[0], now, Situation(NOON - timedelta(seconds=200)))

    assert {str(run.state) for run in first.runs} == {"missed"}
    assert [str(run.state) for run in last.runs].count("queued") == ran


def test_pieces_that_cut_the_newest_lose_none_of_them(job_of, decisions):
    """Of 203 late fires the newest ten run, though they are decided in two pieces."""
    timing = Timing("all", timedelta(days=400), 10, misfire_grace=timedelta())
    one = job_of({"every": "1s"}, timing=timing, overlap=ALLOW)
    runs = decisions(one, NOON - timedelta(seconds=203), NOON + timedelta(milliseconds=500))

    assert [str(run.state) for run in runs] == ["missed"] * 193 + ["queued"] * 10
