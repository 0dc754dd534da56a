"""Dead letters: which runs they are, how they come back and how they are laid aside, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from automation.ledger.dead import Wanted
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
ONE = {"overlap_key": "books", "max_running": 1}
ALL = Wanted()


def kill(desk, run_id, attempt=1, *, reason="3 attempts spent; last: no", **verdict):
    """End the attempt, and with it the run."""
    dies = Verdict(Outcome.FAILED, State.DEAD, reason, message="no", **{"failure_class": "blocked", **verdict})
    assert desk.ledger.runs.finish(run_id, attempt, dies)


def dead(desk, *, reason="3 attempts spent; last: no", failure_class="blocked", **values):
    """A run that died a second after the one before."""
    run = desk.running(**values)
    desk.clock.advance(seconds=1)
    kill(desk, run.id, reason=reason, failure_class=failure_class)
    return run.id


def letters(desk, wanted=ALL, limit=100):
    return [one.run.id for one in desk.ledger.dead.letters(wanted, limit)]


def said(desk, run_id):
    return [line.message for line in desk.ledger.queries.logs(run_id)]


def test_dead_letters_are_listed_with_how_they_failed(desk):
    """The last to die first; what was discarded by its policy, and what ended otherwise, is none of them."""
    first, second = dead(desk), dead(desk, failure_class="timeout")
    dead(desk, reason="discarded: 3 attempts spent; last: no")
    desk.ledger.runs.finish(desk.running().id, 1, SUCCESS)

    assert letters(desk) == [second, first]
    assert letters(desk, limit=1) == [second]
    newest = desk.ledger.dead.letters(ALL, 1)[0]
    assert (newest.failure_class, newest.code, newest.message) == ("timeout", None, "no")
    assert newest.as_json()["failure_class"] == "timeout"


def test_each_filter_leaves_out_what_is_not_meant(desk):
    """By job, tag, class of the last failure and time of death; together they all count."""
    shop = dead(desk, job="books", spec={"tags": ["shop", "night"]})
    late = dead(desk, job="prices", spec={"tags": ["night"]}, failure_class="timeout")
    now = desk.clock.now()

    assert letters(desk, Wanted(job="books")) == [shop]
    assert letters(desk, Wanted(tag="night")) == [late, shop]
    assert letters(desk, Wanted(tag="night"), limit=1) == [late]
    assert letters(desk, Wanted(failure_class="timeout")) == [late]
    assert letters(desk, Wanted(since=now)) == [late]
    assert letters(desk, Wanted(job="books", tag="night", failure_class="timeout")) == []
    assert desk.ledger.dead.ids(Wanted(tag="shop")) == [shop]


def test_only_the_last_failure_counts(desk):
    """What an attempt before it failed of is past."""
    run = desk.running()
    again = Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now(), failure_class="transport")
    desk.ledger.runs.finish(run.id, 1, again)
    desk.claim(run.id)
    kill(desk, run.id, 2)

    assert letters(desk, Wanted(failure_class="transport")) == []
    assert letters(desk, Wanted(failure_class="blocked")) == [run.id]


def test_a_run_that_is_brought_back_begins_anew_and_stays_the_same(desk, noon):
    """Its identity and the number of its attempts go on; attempts spent, losses and deadlines do not."""
    spec = {"retry": {"max_attempts": 4}}
    run_id = dead(desk, spec=spec, schedule="main", expires_at=noon + timedelta(minutes=1))
    desk.clock.advance(hours=1)
    assert desk.ledger.dead.replay([run_id], "ana") == [run_id]

    found = desk.ledger.queries.run(run_id)
    assert (found.state, found.spent, found.losses, found.attempt, found.max_attempts) == ("queued", 0, 0, 1, 5)
    assert (found.nominal_time, found.queued_at, found.due_at) == (noon, desk.clock.now(), desk.clock.now())
    assert (found.started_at, found.finished_at, found.expires_at) == (None, None, None)
    assert found.reason == "brought back by ana"
    claimed = desk.claim(run_id)
    assert (claimed.attempt, claimed.started_at) == (2, desk.clock.now())
    assert [one.attempt for one in desk.ledger.queries.attempts(run_id)] == [1, 2]


def test_bringing_back_twice_is_harmless(desk):
    """Also where the first one has ended its new attempt, or somebody else works at it."""
    run_id = dead(desk)
    assert desk.ledger.dead.replay([run_id, run_id], "ana") == [run_id]
    assert desk.ledger.dead.replay([run_id], "ben") == []
    desk.claim(run_id)
    assert desk.ledger.dead.replay([run_id], "ben") == []
    assert desk.ledger.runs.finish(run_id, 2, SUCCESS)
    assert desk.ledger.dead.replay([run_id], "ben") == []
    assert said(desk, run_id) == [
        "brought back from the dead letters by ana; it was dead: 3 attempts spent; last: no",
    ]


def test_two_at_once_bring_each_run_back_once(desk):
    """Whoever is first has it, and only the first is told so."""
    ids = [dead(desk) for _ in range(20)]
    ready = Barrier(2)

    def bring_back(author, order):
        ready.wait(timeout=30)
        return desk.ledger.dead.replay(order, author)

    with ThreadPoolExecutor(2) as pool:
        ana, ben = pool.submit(bring_back, "ana", ids), pool.submit(bring_back, "ben", ids[::-1])
        done = ana.result(timeout=60) + ben.result(timeout=60)
    assert sorted(done) == sorted(ids)
    assert [len(said(desk, one)) for one in ids] == [1] * 20


def test_a_late_worker_of_the_life_before_changes_nothing(desk):
    """Its number is not the newest, whatever it comes with."""
    run = desk.running()
    kill(desk, run.id)
    desk.ledger.dead.replay([run.id], "ana")
    assert not desk.ledger.runs.finish(run.id, 1, SUCCESS)
    desk.claim(run.id)
    assert not desk.ledger.runs.finish(run.id, 1, SUCCESS)
    assert desk.ledger.queries.run(run.id).state == State.RUNNING


def test_many_come_back_one_after_the_other(desk, noon):
    """In the order in which they are named, each so long after the one before; those that are not dead take no turn."""
    runs = [dead(desk, nominal_time=noon + timedelta(minutes=at)) for at in (2, 0, 1)]
    alive = desk.queued()
    ordered = desk.ledger.dead.ids(ALL)
    assert ordered == [runs[1], runs[2], runs[0]]
    start = desk.clock.now()
    assert desk.ledger.dead.replay([alive, *ordered], "ana", timedelta(seconds=2)) == ordered

    due = [desk.ledger.queries.run(one).due_at - start for one in ordered]
    assert due == [timedelta(seconds=at) for at in (0, 2, 4)]


@pytest.mark.parametrize("skips", [True, False])
def test_a_run_that_is_brought_back_waits_for_its_place(desk, skips):
    """Like any other, and holds none meanwhile; it is not skipped, whatever a fire would be."""
    run_id = dead(desk, **ONE, spec={"skips": skips})
    desk.ledger.dead.replay([run_id], "ana")
    other = desk.running(**ONE)
    assert [one.id for one in desk.ledger.occurrences.open_runs(["books"])["books"]] == [other.id]
    assert desk.claim(run_id) is None
    assert desk.ledger.queries.run(run_id).state == State.QUEUED
    assert desk.ledger.leases.unpublished() == []
    desk.ledger.runs.finish(other.id, 1, SUCCESS)
    assert [one.id for one in desk.ledger.leases.unpublished()] == [run_id]
    assert desk.claim(run_id) is not None


def test_a_run_that_is_to_come_back_later_is_in_nobodys_way(desk):
    """Neither for a fire that is decided, nor for a run that begins, nor for a job that counts from its last end."""
    run_id = dead(desk, **ONE)
    ended = desk.clock.now()
    desk.ledger.dead.replay(["nobody", run_id], "ana", timedelta(hours=1))
    desk.ledger.dead.replay([run_id], "ana")
    assert desk.ledger.occurrences.open_runs(["books"]) == {}
    assert desk.ledger.occurrences.busy_jobs(["books"]) == {}
    newer = desk.queued(**ONE)
    assert desk.claim(newer) is not None
    assert desk.claim(run_id) is None
    desk.ledger.runs.finish(newer, 1, SUCCESS)
    assert desk.ledger.occurrences.last_ends(["books"]) == {"books": ended}


def test_what_is_laid_aside_is_dead_and_no_dead_letter(desk):
    """The reason says by whom and why, beside what it died of; so does its log."""
    run_id = dead(desk)
    assert desk.ledger.dead.discard([run_id], "the shop\nis closed", "ana") == [run_id]

    found = desk.ledger.queries.run(run_id)
    assert letters(desk) == []
    assert found.state == State.DEAD
    assert found.reason == "discarded: by ana: the shop\\nis closed; it was dead: 3 attempts spent; last: no"
    assert said(desk, run_id) == ["discarded: by ana: the shop\\nis closed"]


def test_laying_aside_counts_once_and_can_be_undone(desk):
    """A second one changes nothing; by its id the run still comes back."""
    run_id, alive = dead(desk), desk.queued()
    desk.ledger.dead.discard([run_id], "closed", "ana")
    assert desk.ledger.dead.discard([run_id, alive], "no", "ben") == []
    assert "ana" in desk.ledger.queries.run(run_id).reason
    assert desk.ledger.dead.replay([run_id], "ben") == [run_id]
    desk.claim(run_id)
    kill(desk, run_id, 2)
    assert letters(desk) == [run_id]


def test_more_runs_than_one_statement_takes(desk):
    """They all come back, and keep their order."""
    ids = [run.id for run in (desk.new() for _ in range(501)) if desk.ledger.runs.add(run)]
    for run_id in (ids[0], ids[-1]):
        desk.claim(run_id)
        kill(desk, run_id)
    assert desk.ledger.dead.replay(ids, "ana", timedelta(seconds=5)) == [ids[0], ids[-1]]
    assert desk.ledger.queries.run(ids[-1]).due_at == desk.clock.now() + timedelta(seconds=5)
