"""What recording decisions promises, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided, RevisionStale
from automation.ledger.states import Kind, State
from automation.ledger.tables import occurrences

SPEC = {"every": "15m"}
KEY = ("books", "main")


def decided(desk, *minutes: int, state: State = State.QUEUED) -> Decided:
    times = [desk.clock.now() + timedelta(minutes=minute) for minute in minutes]
    runs = [
        desk.new(
            id=occurrence_id("books", "main", time),
            kind=Kind.SCHEDULED,
            schedule="main",
            nominal_time=time,
            state=state,
        )
        for time in times
    ]
    return Decided("books", "main", runs, times[-1])


@pytest.fixture
def active(desk):
    """A ledger with one schedule in its first revision."""
    assert desk.ledger.occurrences.activate("digest-1", {KEY: SPEC}, "s1") == 1
    return desk


def test_an_occurrence_is_recorded_once_whoever_decides(active):
    """Five schedulers that decide the same moment at the same time leave one run."""
    one = decided(active, 15)
    with ThreadPoolExecutor(5) as pool:
        added = list(pool.map(lambda _: active.ledger.occurrences.record([one], 1), range(5)))

    assert sorted(map(len, added)) == [0, 0, 0, 0, 1]
    assert len(active.ledger.queries.runs()) == 1


def test_the_cursor_only_moves_forward(active):
    """A scheduler that comes late with an old decision does not turn time back."""
    ledger = active.ledger.occurrences
    ledger.record([decided(active, 15, 30)], 1)
    ledger.record([decided(active, 15)], 1)
    assert ledger.cursors([KEY])[KEY] == active.clock.now() + timedelta(minutes=30)


def test_a_decision_under_an_old_configuration_is_refused(active):
    """Whoever was frozen while another took over records nothing."""
    active.ledger.occurrences.activate("digest-2", {KEY: SPEC}, "s2")
    with pytest.raises(RevisionStale, match="Revision 1 is no longer active; 2 is"):
        active.ledger.occurrences.record([decided(active, 15)], 1)
    assert active.ledger.queries.runs() == []


def test_what_is_not_to_run_is_recorded_with_its_reason(active):
    """Missed and skipped occurrences are rows like any other, ended at once."""
    active.ledger.occurrences.record([decided(active, 15, state=State.MISSED)], 1)
    [run] = active.ledger.queries.runs()
    assert (run.state, run.finished_at) == (State.MISSED, run.queued_at)
    assert active.claim(run.id) is None
    with active.ledger.engine.connect() as connection:
        assert connection.execute(sa.select(occurrences.c.decision)).scalar_one() == "missed"


def test_the_same_configuration_keeps_revision_and_cursor(active):
    """A restart decides on from where the last scheduler was."""
    active.ledger.occurrences.record([decided(active, 15)], 1)
    active.clock.advance(hours=1)
    assert active.ledger.occurrences.activate("digest-1", {KEY: SPEC}, "s1") == 1
    assert active.ledger.occurrences.cursors([KEY])[KEY] == active.clock.now() - timedelta(minutes=45)


@pytest.mark.parametrize("change", ["rule", "removed and back"])
def test_a_schedule_that_is_new_or_changed_counts_from_now(active, change: str):
    """No fires of a rule that did not exist then."""
    ledger = active.ledger.occurrences
    active.clock.advance(hours=1)
    if change == "rule":
        ledger.activate("digest-2", {KEY: {"every": "5m"}}, "s1")
    else:
        ledger.activate("digest-2", {}, "s1")
        assert ledger.states() == {}
        ledger.activate("digest-3", {KEY: SPEC}, "s1")
    assert ledger.states()[KEY].cursor == active.clock.now()


def test_a_job_is_busy_while_a_run_is_open(active):
    """Queued, running and retrying runs are open; ended ones are not."""
    ledger = active.ledger
    assert ledger.occurrences.busy_jobs(["books"]) == {}
    run = active.running()
    assert ledger.occurrences.busy_jobs(["books", "other"]) == {"books": run.id}
    active.running(job="other")
    assert set(ledger.occurrences.busy_jobs(["books", "other"])) == {"books", "other"}


def test_a_schedule_whose_file_cannot_be_read_keeps_its_cursor(active):
    """What fell due while the file was broken is decided when it can be read again, and not forgotten."""
    ledger = active.ledger.occurrences
    before = ledger.states()[KEY].cursor
    active.clock.advance(hours=1)
    ledger.activate("digest-broken", {}, "s1", keep_missing=True)
    active.clock.advance(hours=1)
    ledger.activate("digest-1", {KEY: SPEC}, "s1")
    assert ledger.states()[KEY].cursor == before


def test_a_long_reason_is_no_obstacle(active):
    """Somebody's reason for a pause may be of any length; the run keeps the whole of it."""
    one = decided(active, 15, state=State.SKIPPED)
    [run] = one.runs
    told = replace(one, runs=[replace(run, reason=f"paused: {'ä' * 2000}")])
    [added] = active.ledger.occurrences.record([told], 1)

    assert active.ledger.queries.run(added).reason == f"paused: {'ä' * 2000}"
    [row] = active.ledger.occurrences.recorded("books", "main", run.nominal_time, run.nominal_time + timedelta(1))
    assert len(row.reason) == 500


def test_what_a_clock_that_was_ahead_missed_is_taken_back(active):
    """As far as nobody did it: those that ran or were skipped stay, and the cursor goes back to the first that was missed."""
    ledger, noon = active.ledger.occurrences, active.clock.now()
    active.clock.advance(hours=5)
    for minutes, state in ((-240, State.MISSED), (-180, State.QUEUED), (-120, State.SKIPPED), (-60, State.MISSED)):
        ledger.record([decided(active, minutes, state=state)], 1)
    assert ledger.cursors([KEY])[KEY] == noon + timedelta(hours=4)
    active.clock.advance(hours=-3.5)
    moved = ledger.clock_set_back((), 1)

    assert moved == ledger.cursors([KEY]) == {KEY: noon + timedelta(hours=1, microseconds=-1)}
    with active.ledger.engine.connect() as connection:
        left = set(connection.scalars(sa.select(occurrences.c.decision)))
    assert left == {State.QUEUED, State.SKIPPED}
    assert len(active.ledger.queries.runs()) == 2
    assert ledger.clock_set_back((), 1) == {}


def test_a_clock_before_the_configuration_moves_only_what_counts_from_an_end(active):
    """All that was decided since would come again when it is right."""
    ledger = active.ledger.occurrences
    ledger.record([decided(active, 15, state=State.MISSED)], 1)
    active.clock.advance(days=-9)
    assert ledger.clock_set_back((), 1) == {}
    assert ledger.clock_set_back({KEY}, 1) == {KEY: active.clock.now()}
    with pytest.raises(RevisionStale):
        ledger.clock_set_back((), 7)
