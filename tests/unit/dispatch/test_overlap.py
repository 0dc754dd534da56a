"""Fires that find their job at work: every mode, with places free and taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.dispatch.decide import decide
from automation.dispatch.overlap import Places
from automation.dispatch.situation import Situation
from automation.ledger.rows import OpenRun
from automation.ledger.states import Kind, State
from automation.project.model import Overlap, Timing
from automation.retry import RetryPolicy

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MODES = ("skip", "queue_one", "queue_all", "cancel_running", "allow")


@pytest.fixture
def fire(job_of, open_run):
    """`fire(overlap, at_work, waiting)`: what is decided for one fire that finds so many runs."""

    def decided(overlap, at_work, waiting=0):
        found = [open_run(f"w{number}", NOON) for number in range(at_work)]
        found += [open_run(f"q{number}", NOON, waits=True) for number in range(waiting)]
        one = job_of({"every": "1m"}, overlap=overlap)
        return decide(one, one.schedules[0], NOON, Situation(NOON - MINUTE, open_runs=found))

    return decided


@pytest.mark.parametrize(
    ("overlap", "at_work", "waiting", "state", "cancel", "supersede"),
    [
        (Overlap("skip"), 0, 0, "queued", [], []),
        (Overlap("skip"), 1, 0, "skipped", [], []),
        (Overlap("skip"), 0, 1, "skipped", [], []),
        (Overlap("skip", 2), 1, 0, "queued", [], []),
        (Overlap("skip", 2), 1, 1, "skipped", [], []),
        (Overlap("queue_one"), 0, 0, "queued", [], []),
        (Overlap("queue_one"), 1, 0, "queued", [], []),
        (Overlap("queue_one"), 1, 1, "queued", [], ["q0"]),
        (Overlap("queue_one"), 0, 1, "queued", [], ["q0"]),
        (Overlap("queue_one", 3), 1, 1, "queued", [], []),
        (Overlap("queue_one", 3), 3, 1, "queued", [], ["q0"]),
        (Overlap("queue_all", max_queued=2), 1, 1, "queued", [], []),
        (Overlap("queue_all", max_queued=2), 1, 2, "skipped", [], []),
        (Overlap("queue_all", 2, max_queued=2), 1, 2, "queued", [], []),
        (Overlap("queue_all", max_queued=2), 0, 2, "queued", [], []),
        (Overlap("cancel_running"), 0, 0, "queued", [], []),
        (Overlap("cancel_running"), 1, 0, "queued", ["w0"], []),
        (Overlap("cancel_running"), 1, 1, "queued", ["w0"], ["q0"]),
        (Overlap("cancel_running", 2), 1, 0, "queued", [], []),
        (Overlap("cancel_running", 2), 3, 0, "queued", ["w0", "w1"], []),
        (Overlap("allow"), 5, 5, "queued", [], []),
    ],
)
def test_every_mode_with_places_free_and_taken(fire, overlap, at_work, waiting, state, cancel, supersede):
    """What becomes of the fire, and of the runs that it finds."""
    decided = fire(overlap, at_work, waiting)

    assert str(decided.runs[0].state) == state
    assert (list(decided.cancel), list(decided.supersede)) == (cancel, supersede)


@pytest.mark.parametrize(
    ("overlap", "at_work", "waiting", "reason"),
    [
        (Overlap("skip"), 1, 0, "overlap: run w0 of this job was still open"),
        (Overlap("skip", 2), 2, 0, "overlap: run w0 of this job was still open, and max_running is 2"),
        (Overlap("queue_all", max_queued=1), 1, 1, "queue full: 1 run waited, and max_queued is 1"),
    ],
)
def test_reason_names_what_was_in_the_way(fire, overlap, at_work, waiting, reason):
    """With the run, or the limit."""
    assert fire(overlap, at_work, waiting).runs[0].reason == reason


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("until_next", "kind", "gives_way"), [
    (True, Kind.SCHEDULED, True), (True, Kind.CATCHUP, True), (True, Kind.MANUAL, False), (False, Kind.SCHEDULED, False),
])  # fmt: skip
def test_a_run_that_waits_for_its_next_attempt_may_give_way(job_of, mode, until_next, kind, gives_way):
    """To the next fire, in every mode; a run by hand does not."""
    one = job_of({"every": "1m"}, overlap=Overlap(mode), retry=RetryPolicy(retry_until_next=until_next))
    found = [OpenRun("r0", "books", State.RETRYING, 1, NOON, kind)]
    decided = decide(one, one.schedules[0], NOON, Situation(NOON - MINUTE, open_runs=found))

    assert list(decided.supersede) == (["r0"] if gives_way else [])
    assert (decided.runs[0].state == "skipped") == (mode == "skip" and not gives_way)
    assert list(decided.cancel) == (["r0"] if mode == "cancel_running" and not gives_way else [])


def test_a_retry_gives_way_only_to_a_fire_that_is_queued(job_of):
    """One that another run keeps out does not take its place, and neither does it that of another job."""
    one = job_of({"every": "1m"}, overlap=Overlap("skip", 2), retry=RetryPolicy(retry_until_next=True))
    others = [OpenRun(f"w{number}", "prices", State.RUNNING, 1, NOON) for number in range(2)]
    for found in (
        [OpenRun("r0", "books", State.RETRYING, 1, NOON), *others],
        [OpenRun("r1", "prices", State.RETRYING, 1, NOON)],
    ):
        decided = decide(one, one.schedules[0], NOON, Situation(NOON - MINUTE, open_runs=found))
        assert list(decided.supersede) == []


def test_a_place_shared_with_another_job_names_that_job(job_of, open_run):
    """Several jobs may have one overlap key."""
    one = job_of({"every": "1m"})
    found = [open_run("r0", NOON, job="prices")]
    decided = decide(one, one.schedules[0], NOON, Situation(NOON - MINUTE, open_runs=found))

    assert decided.runs[0].reason == "overlap: run r0 of job prices was still open"


def test_only_the_newest_of_several_fires_at_once_waits(job_of, decisions):
    """Those that are decided together supersede each other before they are queued."""
    one = job_of({"every": "20s"}, overlap=Overlap("queue_one"))
    runs = decisions(one, NOON - MINUTE, NOON)

    assert [str(run.state) for run in runs] == ["skipped", "skipped", "queued"]
    assert runs[0].reason == f"superseded: run {runs[1].id} is newer, and waits in its place"


def test_runs_that_may_overlap_wait_for_nobody(job_of, decisions):
    """They hold a place that nobody counts against them."""
    one = job_of({"every": "20s"}, overlap=Overlap("allow"))
    runs = decisions(one, NOON - MINUTE, NOON)

    assert [(str(run.state), run.max_running) for run in runs] == [("queued", None)] * 3


def test_places_of_a_key_made_of_parameters_are_counted_by_its_value(job_of, decisions):
    """One place for each site."""
    one = job_of(
        {"every": "1h"}, overlap=Overlap(key="site {{ params.site }}"), params={"site": "books.example", "depth": 2}
    )

    assert decisions(one, NOON - timedelta(hours=1), NOON)[0].overlap_key == "site books.example"


@given(
    mode=st.sampled_from(MODES), most=st.integers(1, 3), queued=st.integers(1, 3),
    fires=st.lists(st.booleans(), max_size=25),
)  # fmt: skip
def test_never_more_wait_than_the_mode_allows(mode, most, queued, fires):
    """Whatever comes: fires, and runs that begin and end; a run that was let in waits, runs, or was replaced."""
    from types import SimpleNamespace

    job = SimpleNamespace(name="books", overlap=Overlap(mode, most, queued), retry=RetryPolicy())
    held, waiting = [], []
    for number, is_fire in enumerate(fires):
        if not is_fire:
            held = held[1:] if len(held) == most else held
            if waiting:
                held, waiting = [*held, waiting[0]], waiting[1:]
            continue
        known = [OpenRun(one, "books", State.RUNNING, 1, NOON) for one in held]
        known += [OpenRun(one, "books", State.QUEUED, 0, NOON) for one in waiting]
        places = Places(job, known)
        refused = places.enter(f"r{number}", NOON)
        assert set(places.cancel) <= set(held)
        waiting = [one for one in waiting if one not in places.supersede] + ([] if refused else [f"r{number}"])
        free = max(most - len(held), 0)
        assert mode == "allow" or len(waiting) <= {"skip": free, "queue_all": free + queued}.get(mode, max(free, 1))
        assert mode in ("skip", "queue_all") or f"r{number}" in waiting


def test_fires_that_are_caught_up_are_not_superseded_among_themselves(job_of, decisions):
    """`catchup = "all"` asks for all of them."""
    one = job_of({"every": "1h"}, timing=Timing("all"), overlap=Overlap("queue_one"))
    runs = decisions(one, NOON - timedelta(hours=3), NOON + timedelta(minutes=10))

    assert [str(run.state) for run in runs] == ["queued"] * 3


@pytest.mark.parametrize(("catchup", "superseded"), [("all", ["q1"]), ("latest", ["q0", "q1"])])
def test_a_newer_fire_withdraws_no_run_that_is_wanted_for_itself(job_of, open_run, catchup, superseded):
    """Runs that `catchup = "all"` asked for wait on, beside the newest."""
    waiting = [replace(open_run("q0", NOON, waits=True), kind=Kind.CATCHUP), open_run("q1", NOON, waits=True)]
    one = job_of({"every": "1m"}, timing=Timing(catchup), overlap=Overlap("queue_one"))
    situation = Situation(NOON - MINUTE, open_runs=[open_run("w0", NOON), *waiting])

    assert list(decide(one, one.schedules[0], NOON, situation).supersede) == superseded


@pytest.mark.parametrize("mode", ["queue_one", "cancel_running"])
def test_jobs_that_share_places_withdraw_nothing_of_each_other(job_of, open_run, mode):
    """Each has its newest run waiting."""
    one = job_of({"every": "1m"}, overlap=Overlap(mode, key="shop"))
    theirs, mine = open_run("theirs", NOON, waits=True, job="films"), open_run("mine", NOON, waits=True)
    found = [open_run("w0", NOON), theirs, mine]
    decided = decide(one, one.schedules[0], NOON, Situation(NOON - MINUTE, open_runs=found))

    assert list(decided.supersede) == ["mine"]
