"""What becomes of schedules and jobs when another configuration is made the active one, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

SPEC = {"every": "15m"}
OLD, NEW = ("books", "main"), ("books", "often")
MOVED = ("volumes", "main")


@pytest.fixture
def hours_later(desk):
    """A ledger with one schedule, activated an hour ago."""
    desk.ledger.occurrences.activate("1", {OLD: SPEC}, "s1", definitions={"books": {"queue": "a"}})
    desk.clock.advance(hours=1)
    return desk


def cursor(desk, key):
    return desk.ledger.occurrences.states()[key].cursor


def test_a_schedule_that_has_another_name_goes_on_where_it_was(hours_later):
    """What fell due before the rename is decided after it, once."""
    before = cursor(hours_later, OLD)
    hours_later.ledger.occurrences.activate("2", {NEW: SPEC}, "s1", renamed={NEW: OLD})
    assert hours_later.ledger.occurrences.states().keys() == {NEW}
    assert [hours_later.ledger.occurrences.states(job).keys() for job in ("books", "none")] == [{NEW}, set()]
    assert cursor(hours_later, NEW) == before


def test_a_rename_counts_once(hours_later):
    """`replaces` may stay in the file: a later start takes nothing over again."""
    ledger = hours_later.ledger.occurrences
    ledger.activate("2", {NEW: SPEC}, "s1", renamed={NEW: OLD})
    hours_later.clock.advance(hours=1)
    ledger.activate("3", {NEW: {"every": "5m"}}, "s1", renamed={NEW: OLD})
    assert cursor(hours_later, NEW) == hours_later.clock.now()


def test_another_name_and_another_rule_count_from_now(hours_later):
    """No fires of a rule that did not exist then."""
    hours_later.ledger.occurrences.activate("2", {NEW: {"every": "5m"}}, "s1", renamed={NEW: OLD})
    assert cursor(hours_later, NEW) == hours_later.clock.now()


def test_what_is_still_declared_is_not_replaced(hours_later):
    """Both exist: the new one is simply new."""
    hours_later.ledger.occurrences.activate("2", {OLD: SPEC, NEW: SPEC}, "s1", renamed={NEW: OLD})
    assert cursor(hours_later, NEW) == hours_later.clock.now()
    assert cursor(hours_later, OLD) < hours_later.clock.now()


def test_a_rename_holds_while_another_file_is_broken(hours_later):
    """The old name stops, though what is missing is kept."""
    hours_later.ledger.occurrences.activate("2", {NEW: SPEC}, "s1", renamed={NEW: OLD}, keep_missing=True)
    assert hours_later.ledger.occurrences.states().keys() == {NEW}


def test_pauses_follow_a_new_name(hours_later):
    """A schedule's and, when the whole job has another name, the job's; a third one's stays."""
    pauses = hours_later.ledger.pauses
    for level, target in (("schedule", "books/main"), ("job", "books"), ("job", "other")):
        pauses.pause(level, target, "so", "ana")
    hours_later.ledger.occurrences.activate("2", {MOVED: SPEC}, "s1", renamed={MOVED: OLD})
    assert {row.target for row in pauses.current()} == {"volumes/main", "volumes", "other"}


def test_a_job_keeps_its_pause_while_it_keeps_its_name(hours_later):
    """Only its schedule was renamed."""
    hours_later.ledger.pauses.pause("job", "books", "so", "ana")
    hours_later.ledger.occurrences.activate("2", {NEW: SPEC}, "s1", renamed={NEW: OLD})
    assert [row.target for row in hours_later.ledger.pauses.current()] == ["books"]


def test_a_renamed_job_still_finds_its_run_at_work_and_its_state(hours_later):
    """Its next run neither starts beside the one before, nor has forgotten what that one kept."""
    done = hours_later.running(overlap_key="books", max_running=1)
    hours_later.ledger.runs.finish(done.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, job_values={"page": 7}))
    run = hours_later.running(overlap_key="books", max_running=1)
    hours_later.ledger.occurrences.activate("2", {MOVED: SPEC}, "s1", renamed={MOVED: OLD})
    assert [one.id for one in hours_later.ledger.occurrences.open_runs(["volumes"])["volumes"]] == [run.id]
    assert hours_later.ledger.memory.job_values("volumes") == {"page": 7}


@pytest.mark.parametrize("change", ["new", "changed"])
def test_an_instant_that_passed_a_moment_ago_is_still_due(hours_later, change: str):
    """Whoever deploys at noon a job for noon gets it."""
    now = hours_later.clock.now()
    instants = [(now + timedelta(minutes=minutes)).isoformat() for minutes in (60, -1)]
    if change == "changed":
        hours_later.ledger.occurrences.activate("2", {NEW: {"at": [instants[0]]}}, "s1")
        assert cursor(hours_later, NEW) == now
    hours_later.ledger.occurrences.activate("3", {NEW: {"at": instants}}, "s1")
    assert cursor(hours_later, NEW) == now - timedelta(minutes=1, microseconds=1)


def test_jobs_are_kept_as_they_were_declared(hours_later):
    """Changed ones are replaced, removed ones are not told any more, and a broken file removes none."""
    ledger = hours_later.ledger.occurrences
    assert ledger.declared() == {"books": {"queue": "a"}}
    ledger.activate("2", {}, "s1", definitions={"other": {"ü": [1, None, 0.5]}}, keep_missing=True)
    assert ledger.declared() == {"books": {"queue": "a"}, "other": {"ü": [1, None, 0.5]}}
    assert (ledger.declared("books"), ledger.declared("none")) == ({"books": {"queue": "a"}}, {})
    ledger.activate("3", {}, "s1", definitions={"books": {"queue": "b"}})
    assert ledger.declared() == {"books": {"queue": "b"}}
    ledger.activate("4", {}, "s1")
    assert ledger.declared() == {"books": {"queue": "b"}}


def test_decisions_follow_a_new_name(hours_later):
    """So that `max_fires` goes on counting; what the new name decided in an earlier life stays its own."""
    ledger, now = hours_later.ledger.occurrences, hours_later.clock.now()

    def decide(key, revision):
        time = hours_later.clock.now()
        run = hours_later.new(id=occurrence_id(*key, time), job=key[0], schedule=key[1], nominal_time=time)
        ledger.record([Decided(*key, [run], time)], revision)
        hours_later.clock.advance(hours=1)

    first = ledger.activate("2", {NEW: SPEC}, "s1")
    decide(NEW, first)
    second = ledger.activate("3", {OLD: SPEC}, "s1")
    for _ in range(2):
        decide(OLD, second)
    ledger.activate("4", {NEW: SPEC}, "s1", renamed={NEW: OLD})

    assert ledger.fires([NEW, OLD]) == {NEW: 3, OLD: 0}
    assert len(ledger.recorded(*NEW, now, hours_later.clock.now())) == 3


class Asked(dict):
    """Definitions that count how often somebody looks at one."""

    asked = 0

    def __getitem__(self, name):
        type(self).asked += 1
        return super().__getitem__(name)


def test_what_is_the_same_with_every_word_is_not_looked_at(desk):
    """It costs no more however many jobs there are; another word, or what is still held beside it, has all looked at."""
    ledger, definitions = desk.ledger.occurrences, Asked(books={"queue": "a"}, old={"queue": "a"})
    specs = {OLD: SPEC, ("old", "main"): SPEC}

    def again(contents, **how):
        before = Asked.asked
        assert ledger.activate("2", specs, "s1", definitions=definitions, contents=contents, limits={}, **how) == 1
        return Asked.asked > before

    assert again("a")
    assert not again("a")
    assert not again("a", keep_missing=True)
    assert again("b")
    del specs["old", "main"], definitions["old"]
    assert again("c", keep_missing=True)
    assert ledger.states().keys() == {OLD, ("old", "main")}
    assert again("c")
    assert ledger.states().keys() == {OLD}
    assert list(ledger.declared()) == ["books"]
    assert not again("c")


def test_a_job_is_changed_only_where_its_definition_is(desk):
    """Equal ones keep their revision, also where the text in the ledger has the keys in another order."""
    ledger = desk.ledger.occurrences
    ledger.activate("1", {}, "s1", definitions={"a": {"x": 1, "y": "ü"}, "b": {"x": 1}})
    second = ledger.activate("2", {}, "s1", definitions={"a": {"y": "ü", "x": 1}, "b": {"x": 2}})
    assert list(ledger.declared(since=second)) == ["b"]
