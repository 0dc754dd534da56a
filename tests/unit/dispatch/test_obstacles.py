"""What keeps a fire from running before anybody looks at other runs: merging, uniting, pauses, calendars."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.dispatch.decide import decide
from automation.dispatch.situation import Other, Situation
from automation.ledger.rows import PauseRow
from automation.project.model import Overlap, Timing
from automation.triggers.calendar import parse_calendar
from automation.triggers.planning import Planning

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def pause(level="all", target="", since=NOON - 2 * HOUR + timedelta(microseconds=5), until=None, ended=None):
    return PauseRow(1, level, target, "maintenance", "ana", since, until, ended, None)


@pytest.mark.parametrize(
    ("level", "target", "holds"),
    [
        ("all", "", True), ("job", "books", True), ("job", "other", False), ("tag", "shop", True), ("tag", "x", False),
        ("schedule", "books/main", True), ("schedule", "books/other", False),
    ],
)  # fmt: skip
def test_pause_of_each_level_keeps_its_own_from_firing(job_of, decisions, level, target, holds):
    """And is named, with who and why."""
    one = job_of({"every": "1h"}, tags=("shop",))
    [run] = decisions(one, NOON - HOUR, NOON, pauses=[pause(level, target)])

    assert (run.state == "skipped") is holds
    if holds:
        what = "everything was" if level == "all" else f"{level} '{target}' was"
        assert run.reason == f"paused: {what} paused by ana since 2026-03-02T10:00:00Z: maintenance"


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [(-1, None, True), (0, None, True), (1, None, False), (-2, 0, False), (-2, 1, True), (-2, -1, False)],
)
def test_pause_holds_for_what_is_planned_within_it(job_of, decisions, since, until, holds):
    """From its first instant up to its last, which is not in it."""
    span = pause(since=NOON + since * HOUR, until=None if until is None else NOON + until * HOUR)
    [run] = decisions(job_of({"every": "1h"}), NOON - HOUR, NOON, pauses=[span])

    assert (run.state == "skipped") is holds


def test_what_was_paused_is_not_caught_up(job_of, decisions):
    """A pause that has ended still holds for what fell due in it; what is older or newer is as ever."""
    span = pause(since=NOON - 90 * timedelta(minutes=1), ended=NOON - 30 * timedelta(minutes=1))
    one = job_of({"every": "1h"}, timing=Timing("all"), overlap=Overlap("allow"))
    runs = decisions(one, NOON - 3 * HOUR, NOON + timedelta(minutes=10), pauses=[span])

    assert [str(run.state) for run in runs] == ["queued", "skipped", "queued"]
    assert runs[1].reason.startswith("paused: ")


def test_latest_is_the_newest_that_nothing_keeps_from_running(job_of, decisions):
    """A paused one takes nobody's place."""
    one = job_of({"every": "1h"})
    span = pause(since=NOON - timedelta(minutes=1), ended=NOON + timedelta(minutes=1))
    runs = decisions(one, NOON - 3 * HOUR, NOON + timedelta(minutes=10), pauses=[span])

    assert [str(run.state) for run in runs] == ["missed", "queued", "skipped"]


def test_nothing_is_caught_up_during_a_pause(job_of, decisions):
    """What fell due before it too stays away."""
    span = pause(since=NOON + timedelta(minutes=5))
    runs = decisions(job_of({"every": "1h"}), NOON - HOUR, NOON + timedelta(minutes=10), pauses=[span])

    assert (str(runs[0].state), runs[0].reason[:7]) == ("skipped", "paused:")


@pytest.fixture
def office():
    """Calendar `office`: weekdays from 9 to 17, UTC."""
    return parse_calendar("office", {"weekly": ["mon-fri 09:00-17:00"], "timezone": "UTC"}, Path())


def test_blackout_keeps_a_fire_from_running(job_of, decisions, office):
    """It is skipped, and not missed."""
    one = job_of({"every": "1h"}, planning=Planning("s", not_during=(office,)))
    runs = [decisions(one, NOON.replace(hour=hour - 1), NOON.replace(hour=hour))[0] for hour in (8, 9, 16, 17)]

    assert [str(run.state) for run in runs] == ["queued", "skipped", "skipped", "queued"]
    assert runs[1].reason == "blackout: not_during office"


def test_fires_deferred_to_the_same_end_are_one_run(job_of, decisions, office):
    """The last stands for all; the earlier ones say so."""
    planning = Planning("s", not_during=(office,), on_blackout="defer")
    one = job_of({"cron": "30 * * * *", "timezone": "UTC"}, planning=planning)
    assert decisions(one, NOON.replace(hour=9), NOON.replace(hour=16, minute=59)) == []
    runs = decisions(one, NOON.replace(hour=9), NOON.replace(hour=17))

    assert [str(run.state) for run in runs] == ["skipped"] * 7 + ["queued"]
    assert runs[-1].planned_time == NOON.replace(hour=17)
    assert (
        runs[0].reason == "merged: the fire of 2026-03-02T10:30:00Z is deferred to the same instant, and runs for both"
    )


@pytest.mark.parametrize(("on_blackout", "state", "due"), [("skip", "skipped", 12), ("defer", "queued", 17)])
def test_nothing_is_caught_up_in_a_blackout(job_of, decisions, office, on_blackout, state, due):
    """It waits for its end, or is skipped, as `on_blackout` says."""
    planning = Planning("s", not_during=(office,), on_blackout=on_blackout)
    one = job_of({"cron": "0 8 * * *", "timezone": "UTC"}, planning=planning)
    [run] = decisions(one, NOON.replace(hour=7), NOON)

    assert (str(run.state), run.due_at) == (state, NOON.replace(hour=due))


TWO = ({"every": "1h"}, {"every": "30m"})


def test_schedules_that_fire_together_are_one_run_where_that_is_wanted(job_of, decisions):
    """The one that is listed first runs; alone, the other does."""
    one = job_of(*TWO, unite=True, overlap=Overlap("allow"))
    first = decisions(one, NOON - HOUR, NOON, "a")
    second = decisions(one, NOON - timedelta(minutes=31), NOON, "b")
    apart = decisions(replace(one, unite=False), NOON - timedelta(minutes=31), NOON, "b")

    assert [str(run.state) for run in first] == ["queued"]
    assert [run.reason for run in second] == [
        second[0].reason,
        "united: schedule 'a' fires at the same instant, and runs for both",
    ]
    assert apart[-1].state == "queued"


@pytest.mark.parametrize("why", ["paused", "spent", "disagrees"])
def test_a_fire_is_not_united_with_one_that_does_not_run(job_of, decisions, why):
    """Else neither would."""
    one = job_of(*TWO, unite=True, overlap=Overlap("allow"))
    known, now = {}, NOON
    if why == "paused":
        known["pauses"] = [pause("schedule", "books/a")]
    elif why == "spent":
        known["others"] = {"a": Other(NOON - timedelta(hours=1), NOON, left=0)}
    else:
        other = replace(one.schedules[0], timing=Timing("skip"))
        one, now = replace(one, schedules=(other, one.schedules[1])), NOON + timedelta(minutes=10)
    [run] = decisions(one, NOON - timedelta(minutes=1), now, "b", **known)

    assert run.state == "queued"


@pytest.mark.parametrize(
    ("left", "decided", "state"), [(0, {NOON}, "skipped"), (0, set(), "queued"), (1, set(), "queued")]
)
def test_a_fire_is_united_with_what_the_other_schedule_really_has(job_of, decisions, left, decided, state):
    """Its last run counts when that is decided; what exceeds `max_fires`, or was before it was there, does not."""
    one = job_of(*TWO, unite=True)
    cursor = NOON if left == 0 else NOON - timedelta(minutes=90)
    others = {"a": Other(cursor, NOON - HOUR, frozenset(decided), left)}
    [run] = decisions(one, NOON - timedelta(minutes=1), NOON, "b", others=others)

    assert str(run.state) == state


def test_jitter_moves_a_fire_and_not_its_identity(job_of):
    """It is decided when its planned time has come; the nominal time stays what the rule says."""
    one = job_of({"every": "1h"}, planning=Planning("books/main", jitter=timedelta(minutes=20)))
    planned = one.schedules[0].planned(NOON).time
    assert NOON < planned < NOON + timedelta(minutes=20)
    situation = Situation(NOON - timedelta(minutes=1))
    [run] = decide(one, one.schedules[0], planned, situation).runs

    assert decide(one, one.schedules[0], planned - timedelta(seconds=1), situation) is None
    assert (run.nominal_time, run.planned_time, str(run.kind)) == (NOON, planned, "scheduled")
